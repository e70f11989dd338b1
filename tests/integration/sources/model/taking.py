"""What a build does with a locked model: fetch what the lock names, and nothing else decides."""

from bundler.http.credentials import Credentials
from bundler.http.transfer import transfer
from bundler.http.wanted import Wanted
from bundler.workplace import Found, Workplace


def names(found: Found) -> list[str]:
    return [file.path.removeprefix("model/tiny/") for file in found.files]


def fetched(found: Found, credentials: Credentials, work: Workplace) -> dict[str, bytes]:
    """Every file by its name in the model, from the cache."""
    for file in found.files:
        if file.sha256 not in work.cache:
            wanted = Wanted(file.path, (file.url,), file.sha256, file.size, credentials)
            transfer(wanted, work.client, work.cache, work.meter)
    places = (work.cache.path(file.sha256) for file in found.files)
    return dict(zip(names(found), (place.read_bytes() for place in places), strict=True))


def said_by(url: str) -> str:
    """HOST:PORT of a hub that is not the publisher's own."""
    return url.removeprefix("http://")
