"""Where a hub is, and the token that goes there and nowhere else."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bundler.http.origins import origin
from installer.errors import UsageError, printable

# RFC 6750. Whatever else stood in a header would come back in the texts of errors about that header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True)
class HubToken:
    """Credentials for the origin of ``endpoint``; ``sent`` never shows in a repr."""

    endpoint: str
    sent: Mapping[str, str] = field(repr=False)

    def headers(self, url: str) -> Mapping[str, str]:
        return self.sent if origin(url) == origin(self.endpoint) else {}

    def renew(self, _url: str, _challenges: Sequence[str]) -> bool:
        return False


def check_endpoint(url: str, said_by: str) -> str:
    """``url`` as hubs' own programs take it, with or without a / at its end; ``said_by`` is where it stands."""
    if "@" in url:
        raise UsageError(f"{said_by}: holds a user name, which would stand in the lock", hint="use a token instead")
    try:
        origin(url)
    except UsageError as error:
        raise UsageError(f"{said_by}: {error}", hint="write https://HOST") from None
    parts = urlsplit(url)
    if parts.query or parts.fragment or not url.isprintable():
        raise UsageError(f"{said_by}: {printable(url)[:200]!r} is more than the address of a hub")
    return url.rstrip("/")


def other_than(endpoint: str, hubs: Iterable[str]) -> str:
    """HOST[:PORT] of an ``endpoint`` that is none of the ``hubs``, "" of one that is."""
    return "" if origin(endpoint) in map(origin, hubs) else urlsplit(endpoint).netloc


def check_token(token: str, said_by: str) -> str:
    """What is wrong is said without the token."""
    stripped = token.strip()
    if not _TOKEN.fullmatch(stripped):
        raise UsageError(f"{said_by}: no token has characters like those in it", hint="set it anew, or unset it")
    return stripped
