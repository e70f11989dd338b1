"""An answer of which the body is still to come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import requests

from bundler.http.failures import RAISED, failure
from bundler.http.patience import TroubleError
from installer.errors import printable

_PIECE: Final = 1 << 20  # bytes
_SMALL: Final = 64 << 10  # bytes of a redirect's text, worth reading to keep the connection
_REDIRECTS = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429}  # besides 5xx: what may be another answer in a while


class Stream:
    """Header names are read in any case. ``said`` is the URL for people."""

    def __init__(self, response: requests.Response, said: str) -> None:
        self._response = response
        self._said = said
        self.received = 0  # bytes of the body that were read
        self.url: str = response.url
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def words(self) -> str:
        """Who answered what, for people."""
        reason = printable(self._response.reason or "")[:100]
        return f"{self._said}: the server answered {self.status} {reason}".rstrip()

    def pieces(self) -> Iterator[bytes]:
        """The body as it came, packed if it is: each piece as soon as it is there, for it may be the last one."""
        return self._read(lambda: self._response.raw.read1(_PIECE, decode_content=False))

    def text(self) -> Iterator[bytes]:
        """The body, unpacked."""
        return self._read(lambda: self._response.raw.read(_SMALL, decode_content=True))

    def finish(self) -> None:
        """Read what is left if it is little, so that the connection serves again."""
        length = self.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) <= _SMALL:
            for _ in self.pieces():
                pass

    def challenges(self) -> Sequence[str]:
        return tuple(self._response.raw.headers.getlist("WWW-Authenticate"))

    def location(self) -> str | None:
        """Where the answer leads to, if it is a redirect."""
        found = self.headers.get("Location") if self.status in _REDIRECTS else None
        return found and found.encode("latin-1", "replace").decode("utf-8", "replace")

    def refuse_busy(self) -> None:
        """TroubleError for the statuses that mean "not now"."""
        if self.status in _BUSY or self.status >= requests.codes.internal_server_error:
            raise TroubleError(self.words, retry_after=self.headers.get("Retry-After", ""))

    def _read(self, read: Callable[[], bytes]) -> Iterator[bytes]:
        try:
            while piece := read():
                self.received += len(piece)
                yield piece
        except RAISED as error:
            raise failure(self._said, error) from error
