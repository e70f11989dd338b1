"""One blob of an image into the cache, and what a person can do where its registry does not give it."""

from bundler.http.transfer import Wanted, transfer, unwatched
from bundler.http.wanted import Watch
from bundler.progress import Meter
from bundler.workplace import Workplace
from installer.errors import DamagedError, UnreachableError

_GONE = ("answered 404", "answered 410")
_ELSEWHERE = "name another under image.mirrors, or push the image again"


def fetch_blob(wanted: Wanted, work: Workplace, meter: Meter, watch: Watch = unwatched) -> None:
    try:
        transfer(wanted, work.client, work.cache, meter, watch)
    except DamagedError as error:
        hint = f"what the registry or a proxy gives is damaged: {_ELSEWHERE}"
        raise DamagedError(str(error), hint=hint) from error
    except UnreachableError as error:
        if not any(words in str(error) for words in _GONE):
            raise
        raise UnreachableError(str(error), hint=f"the registry lacks a piece of the image: {_ELSEWHERE}") from error
