"""One file from one URL: asked for until it is whole, with what every kind of answer means on the way."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain

from bundler.cache import Cache, Stored
from bundler.http import offers, remembered
from bundler.http.client import Client
from bundler.http.kept import see_again
from bundler.http.offers import Offer, WrongRangeError
from bundler.http.origins import named
from bundler.http.patience import TroubleError
from bundler.http.reception import Reception
from bundler.http.stream import Stream
from bundler.http.suspicion import EMPTY, ENOUGH, digest_difference, is_page
from bundler.http.wanted import Wanted, Watch
from bundler.needs import in_cache
from bundler.partials import Origin, Partial
from bundler.progress import Advance, Meter
from bundler.space import demand_room
from installer.errors import DamagedError, RefusedError, UnreachableError

_WRONG_RANGES = 2  # in a row, after which the whole file is asked for
_STARTS = 3  # after which only bytes further than ever count as progress
_UNKNOWN = -1  # for a length
_HINTS = {
    401: "log in, or set the token that this server wants",
    403: "this server wants another token, or lets nobody have it from here",
    404: "look at the version in the manifest, or say where the file is with `url`",
    407: "set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    410: "look at the version in the manifest, or say where the file is with `url`",
}


class Receiving:
    """``partial`` is held by the caller."""

    def __init__(self, wanted: Wanted, url: str, partial: Partial, client: Client, cache: Cache, watch: Watch) -> None:
        self._wanted = wanted
        self._url = url
        self._said = named(url)
        self._partial = partial
        self._client = client
        self._cache = cache
        self._watch = watch
        self._advance: Advance = _not_shown
        self._reception = self._received()
        self._gave = None if wanted.sha256 else remembered.recall(cache, url)
        self._wrong_ranges = 0
        self._ended_as: Stored | None = None  # what a body was that ended, and nothing says whether it was cut
        self._starts = 0
        self._was_pieced = False

    def receive(self, meter: Meter) -> Stored:
        """The file, in the cache. What has come stays in the partial file, whatever is raised."""
        with ExitStack() as showing:
            trying = self._client.trying(self._wanted.what, self._url)
            while True:
                furthest = self._reception.furthest
                try:
                    if stored := self._try(meter, showing):
                        return stored
                except TroubleError as trouble:
                    self._wrong_ranges += isinstance(trouble, WrongRangeError)
                    if self._reception.furthest > furthest:
                        trying.got_further()
                    trying.pause(trouble)

    def _try(self, meter: Meter, showing: ExitStack) -> Stored | None:
        """The file, or None if the next question may bring it."""
        if self._wanted.size is not None and self._partial.size > self._wanted.size:
            self._start_over()
        if (total := self._total()) is not None:
            self._show(total, meter, showing)
        self._reception.catch_up()
        if self._is_there():
            return self._keep()
        question = self._question()
        with self._client.opened(self._url, credentials=self._wanted.credentials, headers=question) as stream:
            stream.refuse_busy()
            match stream.status:
                case 200:
                    is_all = self._take_whole(stream, meter, showing)
                case 206:
                    is_all = self._take_part(stream, meter, showing)
                case 416:
                    is_all = self._take_nothing(stream)
                case 304 if self._gave:
                    return self._take_known(self._gave)
                case _:
                    raise UnreachableError(stream.words, hint=_HINTS.get(stream.status, "look at the URL"))
        return self._keep() if is_all else None

    def _is_there(self) -> bool:
        """Without asking anybody. Nothing is a file only where a file of that length is wanted."""
        position, size = self._reception.position, self._wanted.size
        if not self._wanted.sha256 or size is not None:
            return bool(self._wanted.sha256) and position == size
        return position > 0 and self._reception.sha256 == self._wanted.sha256

    def _question(self) -> Mapping[str, str]:
        position, validator = self._reception.position, self._validator()
        if self._wrong_ranges >= _WRONG_RANGES:
            self._wrong_ranges = 0
            return {}
        if not position:
            return offers.unchanged_since(self._gave.validator) if self._gave else {}
        if self._wanted.sha256 or self._ended_as:
            # The digest judges. A server behind several others may give every one of them a validator of its own.
            return {"Range": f"bytes={position}-"}
        return {"Range": f"bytes={position}-", "If-Range": validator} if validator else {}

    def _take_whole(self, stream: Stream, meter: Meter, showing: ExitStack) -> bool:
        offer = offers.whole(stream.headers)
        pieces = stream.pieces()
        first = next(pieces, b"")
        self._refuse_total(offer.total, first)
        if self._ended_as and offer.total == self._ended_as.size:
            return True
        self._refuse_page(first)
        is_same = offer.validator == self._validator() and (offer.validator or self._ended_as)
        if self._wanted.sha256 or is_same:
            self._reception.rewind()
        else:
            self._start_anew()
        self._show(offer.total, meter, showing)
        return self._take(offer, chain((first,), pieces))

    def _take_part(self, stream: Stream, meter: Meter, showing: ExitStack) -> bool:
        offer = offers.part(stream.headers, self._reception.position)
        self._refuse_total(offer.total, b"")
        if not self._wanted.sha256 and self._is_another(offer):
            self._start_anew()
            raise TroubleError(f"{self._said}: the file was changed while it was fetched")
        self._reception.is_of_one_piece = False
        self._wrong_ranges = 0
        self._show(offer.total, meter, showing)
        return self._take(offer, stream.pieces())

    def _is_another(self, offer: Offer) -> bool:
        """Whether a part is of another file than what is on the disk, as a server sends that knows no If-Range."""
        known, origin = self._validator(), self._partial.origin
        if known and offer.validator:
            return offer.validator != known
        return origin is not None and offer.total is not None and origin.total not in {_UNKNOWN, offer.total}

    def _take_nothing(self, stream: Stream) -> bool:
        """Only of an unknown file can it be said that all is here. A known one is not, by the digest of what is here.

        Then the server has another file, or lies, and only the whole can tell. Nothing is given up until that comes.
        """
        total, position = offers.total_of_nothing(stream.headers), self._reception.position
        if not self._wanted.sha256 and total == position and self._wanted.size in {None, total}:
            return True
        raise WrongRangeError(f"{self._said}: no byte after the first {position} is to be had")

    def _take_known(self, gave: remembered.Gave) -> Stored:
        if see_again(self._cache, gave.stored.sha256, self._watch):
            return gave.stored
        self._gave = None
        raise TroubleError(f"{self._said}: what the cache has of it is damaged")

    def _take(self, offer: Offer, pieces: Iterator[bytes]) -> bool:
        """Whether the file is whole now."""
        total = offer.total if self._wanted.size is None else self._wanted.size
        if total is not None:
            demand_room((in_cache(self._cache, total - self._partial.size, self._wanted.what),))
        known = _UNKNOWN if total is None else total
        self._partial.came_from(Origin(self._url, offer.validator or self._validator(), known))
        reception, before, self._ended_as = self._reception, self._ended_as, None
        for piece in pieces:
            # No byte more than was announced: it would be another file's.
            reception.take(memoryview(piece)[: None if total is None else total - reception.position])
            if reception.position == total:
                break
        end = offer.end if total is None else total
        if end is not None and reception.position < end:
            raise TroubleError(f"{self._said}: ended after {reception.position} of {end} bytes")
        if total is not None or offer.framed:
            return True
        if self._wanted.sha256 and reception.sha256 != self._wanted.sha256:
            raise TroubleError(f"{self._said}: ended after {reception.position} bytes, which are not all")
        return bool(self._wanted.sha256) or self._is_confirmed(before)

    def _is_confirmed(self, before: Stored | None) -> bool:
        """Whether two answers in a row were the same to the last byte: a cut one ends anywhere."""
        self._reception.end()
        self._ended_as = Stored(self._reception.sha256, self._reception.position)
        if before and before != self._ended_as:
            raise TroubleError(f"{self._said}: {self._ended_as.size} bytes came, and {before.size} others before")
        return before is not None

    def _keep(self) -> Stored:
        self._reception.end()
        found = self._reception.sha256
        if self._wanted.sha256:
            if found != self._wanted.sha256:
                self._refuse_digest()
            return self._partial.keep(found)
        self._refuse_suspicious(found)
        stored = Stored(found, self._partial.size)
        remembered.remember(self._cache, remembered.Gave(self._url, self._validator(), stored))
        return self._partial.keep(found)

    def _refuse_digest(self) -> None:
        found, start = self._reception.sha256, self._partial.read(0, ENOUGH)
        words, hint = digest_difference(found, self._partial.size, start, self._wanted.sha256)
        pieced = not self._reception.is_of_one_piece
        self._start_over()
        if pieced and not self._was_pieced:
            # A part of it may be of another time, another mirror, or from before a power cut.
            self._was_pieced = True
            raise TroubleError(f"{self._said}: put together from several answers, it {words}")
        raise DamagedError(f"{self._wanted.what}: {self._said} {words}", hint=hint)

    def _refuse_suspicious(self, found: str) -> None:
        """Nobody told a digest, so that only common sense can judge."""
        start = self._partial.read(0, ENOUGH)
        if is_page(start) and not self._url.endswith((".html", ".htm")):
            problem = "is a web page (HTML), no file"
        elif found == EMPTY and self._wanted.size is None:
            problem = "is empty"
        else:
            return
        self._start_over()
        raise RefusedError(
            f"{self._wanted.what}: what came from {self._said} {problem}",
            hint="a login page or a proxy may have answered; open the URL in a browser",
        )

    def _refuse_total(self, total: int | None, start: bytes) -> None:
        if total is None or self._wanted.size in {None, total}:
            return
        page = ", and sends a web page (HTML)" if is_page(start) else ""
        raise TroubleError(
            f"{self._said}: the server speaks of {total} bytes{page}, {self._wanted.size} are expected",
            hint="the file was changed where it lies, or a login page or a proxy answers in its place",
            lasting=DamagedError,
        )

    def _refuse_page(self, start: bytes) -> None:
        """What is on the disk is not given up for a proxy's excuse."""
        if is_page(start) and self._partial.size and not is_page(self._partial.read(0, ENOUGH)):
            raise TroubleError(f"{self._said}: a web page (HTML) came in the place of the file")

    def _validator(self) -> str:
        """Of what is on the disk, if this URL's server gave one."""
        origin = self._partial.origin
        return origin.validator if origin and origin.url == self._url and self._partial.size else ""

    def _start_anew(self) -> None:
        if self._partial.size:
            self._client.patience.tell(f"{self._wanted.what}: the server may have another file now, starting over")
        self._start_over()

    def _start_over(self) -> None:
        """Give up what is on the disk. Not for ever: some files change all the time."""
        self._starts += 1
        self._reception.start_over()
        if self._starts <= _STARTS:
            self._reception.furthest = 0

    def _total(self) -> int | None:
        """Bytes of the whole file, as far as that is known before a server is asked."""
        origin = self._partial.origin
        if self._wanted.size is None and origin and origin.total != _UNKNOWN and self._partial.size:
            return origin.total
        return self._wanted.size

    def _received(self) -> Reception:
        return Reception(self._partial, self._watch, self._shown)

    def _shown(self, count: int) -> None:
        self._advance(count)

    def _show(self, total: int | None, meter: Meter, showing: ExitStack) -> None:
        """From the first moment at which the length is known, or at last when bytes come."""
        if self._advance is _not_shown:
            self._advance = showing.enter_context(meter(self._wanted.what, total, done=self._partial.size))


def _not_shown(_count: int) -> None:
    pass
