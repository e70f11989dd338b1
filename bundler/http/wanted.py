"""A file to be fetched, and who wants to see its bytes go by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bundler.http.credentials import NOBODY, Credentials


@dataclass(frozen=True)
class Wanted:
    """``urls`` have the same bytes and are tried in this order; ``what`` it is stands in errors and beside bars."""

    what: str
    urls: tuple[str, ...]
    sha256: str = ""  # "" when nobody has told it yet: then a server's word is all that resuming can go by
    size: int | None = None  # bytes
    credentials: Credentials = NOBODY


class Watcher(Protocol):
    """Sees every byte of a file, in order, also those that an earlier run left on the disk."""

    def feed(self, piece: bytes | memoryview) -> None:
        """``piece`` is good for this call only."""
        ...


Watch = Callable[[], Watcher]  # a new one whenever the file starts over


class _Nobody:
    def feed(self, _piece: bytes | memoryview) -> None:
        pass


def unwatched() -> Watcher:
    return _Nobody()
