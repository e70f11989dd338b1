"""An answer of which the body is still to come."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import requests

from bundler.http.failures import RAISED, failure
from bundler.http.offers import content_length
from bundler.http.patience import TroubleError, reset_seconds
from installer.errors import printable

_PIECE: Final = 1 << 20  # bytes
_SMALL: Final = 64 << 10  # bytes of a redirect's text, worth reading to keep the connection
_LEAST_SPEED: Final = 1024  # bytes a second; a line that is slower than this for long is as good as silent
_TOO_OFTEN: Final = 30.0  # seconds
_REDIRECTS = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429}  # besides 5xx: what may be another answer in a while


class Stream:
    """Header names are read in any case. ``said`` is the URL for people; ``silence`` is borne for so many seconds."""

    def __init__(self, response: requests.Response, said: str, silence: float) -> None:
        self._response = response
        self._said = said
        self._drip = _Drip(silence)
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
        """The body, unpacked; each piece as soon as it is there, else a drip would go unseen until it is long."""
        return self._read(lambda: self._response.raw.read1(_SMALL, decode_content=True))

    def finish(self) -> None:
        """Read what is left if it is little, so that the connection serves again."""
        length = content_length(self.headers)
        if length is not None and length <= _SMALL:
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
            raise TroubleError(
                self.words, retry_after=self.headers.get("Retry-After", ""), unless_said=self._count_begins_anew()
            )

    def _count_begins_anew(self) -> float | None:
        """Seconds until we may ask again, if we asked too often: nobody forgets that in the usual pauses."""
        if self.status != requests.codes.too_many_requests:
            return None
        said = reset_seconds(self.headers.get("RateLimit", ""))
        return _TOO_OFTEN if said is None else said

    def _read(self, read: Callable[[], bytes]) -> Iterator[bytes]:
        try:
            while piece := self._drip.timed(read):
                self.received += len(piece)
                if self._drip.is_silence:
                    raise TroubleError(f"{self._said}: the server only drips, less than {_LEAST_SPEED} bytes a second")
                yield piece
        except RAISED as error:
            raise failure(self._said, error) from error


class _Drip:
    """How fast bytes come while they are waited for, over ``span`` seconds at a time."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._waited = 0.0
        self._came = 0
        self.is_silence = False

    def timed(self, read: Callable[[], bytes]) -> bytes:
        start = time.monotonic()
        piece = read()
        self._waited += time.monotonic() - start
        self._came += len(piece)
        if self._waited >= self._span:
            self.is_silence = self._came < self._waited * _LEAST_SPEED
            self._waited, self._came = 0.0, 0
        return piece
