"""SHA-256 of a file and of each of its 64 MiB chunks, from one read."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from threading import Event
from typing import TypeVar

from bundler.cache import Stored
from bundler.progress import Advance
from installer.index.document import CHUNK
from installer.trust.contents import workers

_BUFFER = 1 << 20  # bytes; two of them stay in the second-level cache
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Digests:
    """What a file turned out to be."""

    size: int
    sha256: str
    chunks: tuple[str, ...]


class Hasher:
    """Two digests over the same bytes, the whole's in a second thread while this one takes the chunk's."""

    def __init__(self, second: ThreadPoolExecutor) -> None:
        self._second = second
        self._whole, self._chunk = hashlib.sha256(), hashlib.sha256()
        self._pending: Future[None] | None = None
        self._chunks: list[str] = []
        self._size = 0

    @property
    def left_of_chunk(self) -> int:
        return CHUNK - self._size % CHUNK

    def update(self, piece: memoryview) -> None:
        """Return when the piece before this one may be overwritten."""
        self._wait()
        self._pending = self._second.submit(self._whole.update, piece)
        self._chunk.update(piece)
        self._size += len(piece)
        if self._size % CHUNK == 0:
            self._end_chunk()

    def digests(self) -> Digests:
        self._wait()
        if self._size % CHUNK:
            self._end_chunk()
        return Digests(self._size, self._whole.hexdigest(), tuple(self._chunks))

    def _wait(self) -> None:
        if self._pending:
            self._pending.result()

    def _end_chunk(self) -> None:
        self._chunks.append(self._chunk.hexdigest())
        self._chunk = hashlib.sha256()


def digest_file(file: FileIO, advance: Advance, also: Callable[[memoryview], object] | None = None) -> Digests:
    """Read ``file`` to its end once; every piece goes to ``also``, too, which may write a copy."""
    this, other = memoryview(bytearray(_BUFFER)), memoryview(bytearray(_BUFFER))
    with ThreadPoolExecutor(1) as second:
        hasher = Hasher(second)
        while count := file.readinto(this[: min(_BUFFER, hasher.left_of_chunk)]):
            hasher.update(this[:count])
            if also:
                also(this[:count])
            advance(count)
            this, other = other, this
        return hasher.digests()


def digest_whole(file: FileIO, advance: Advance, also: Callable[[memoryview], object] | None = None) -> Stored:
    """As ``digest_file``, without the chunks: half the work."""
    buffer, whole, size = memoryview(bytearray(_BUFFER)), hashlib.sha256(), 0
    while count := file.readinto(buffer):
        whole.update(buffer[:count])
        if also:
            also(buffer[:count])
        size += count
        advance(count)
    return Stored(whole.hexdigest(), size)


class Stop:
    """Raised inside the threads once one of them failed or the person stopped the run."""

    def __init__(self) -> None:
        self._event = Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    def watching(self, advance: Advance) -> Advance:
        def watched(count: int) -> None:
            if self._event.is_set():
                raise InterruptedError("another thread failed first")
            advance(count)

        return watched


@contextmanager
def _stopping(stop: Stop, pending: Iterable[Future[_Result]]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stop.set()
        for future in pending:
            future.cancel()
        raise


def in_threads(
    work: Callable[[_Item, Advance], _Result], items: Iterable[_Item], advance: Advance
) -> dict[_Item, _Result]:
    """Do ``work`` on every item with all cores. Ends soon on the first error, or when interrupted."""
    stop = Stop()
    with ThreadPoolExecutor(workers()) as pool:
        futures = {pool.submit(work, item, stop.watching(advance)): item for item in items}
        with _stopping(stop, futures):
            return {futures[future]: future.result() for future in as_completed(futures)}
