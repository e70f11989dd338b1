"""Reads a layer while its bytes arrive: unpacked, hashed and looked through, each in a thread of its own."""

import io
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Queue
from threading import Thread
from typing import BinaryIO, Generic, Protocol, TypeVar, cast

from isal import isal_zlib

from bundler.sources.image.layers.compression import GZIP, ZSTD, refused_zstd
from bundler.sources.image.layers.unpacked import LayerRead, UnpackedBytes
from installer.errors import DamagedError

_WAITING = 8  # pieces between two threads
_LARGEST_PIECE = 1 << 20  # bytes; larger ones are handed on in parts, so that _WAITING bounds the memory
_UNPACKED = 2 << 20  # bytes of a buffer
_BUFFERS = 3  # one being filled, one being hashed, and one so that nobody waits
_Result = TypeVar("_Result")


class _Source(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...


class LayerReader:
    """``feed`` every byte in order, then ``finish``; in any case ``close``. One thread feeds."""

    def __init__(self, what: str) -> None:
        self._pipe = _Pipe()
        hashing = _Hashing()
        self._hashed = _Task(hashing.run)
        self._unpacked = _Task(lambda: _unpack(self._pipe, hashing, what))

    def feed(self, piece: bytes | memoryview) -> None:
        view = memoryview(piece)
        for at in range(0, len(view), _LARGEST_PIECE):
            self._pipe.put(bytes(view[at : at + _LARGEST_PIECE]))

    def finish(self) -> LayerRead:
        """DamagedError where it cannot be unpacked."""
        self._pipe.end()
        self._unpacked.result()
        return self._hashed.result()

    def close(self) -> None:
        self._pipe.end()
        self._unpacked.wait()
        self._hashed.wait()


class _Task(Generic[_Result]):
    """One call in a thread that no exit of the program waits for, since who feeds may hang on a dead line."""

    def __init__(self, call: Callable[[], _Result]) -> None:
        self._call = call
        self._future = Future[_Result]()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> _Result:
        return self._future.result()

    def wait(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._future.set_result(self._call())
        except BaseException as error:  # noqa: BLE001 # raised where the result is asked for
            self._future.set_exception(error)


class _Pipe(io.RawIOBase):
    """Bytes from one thread, read like a file by another. Whoever reads must read to the end."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces = Queue[bytes](_WAITING)
        self._rest = memoryview(b"")
        self._ended = False

    def put(self, piece: bytes) -> None:
        self._pieces.put(piece)

    def end(self) -> None:
        self._pieces.put(b"")

    def peek(self, count: int) -> bytes:
        """So many, or all there are; they are read again afterwards."""
        start = b""
        while len(start) < count and (piece := self._next()):
            start += piece
        self._rest = memoryview(start)
        return start[:count]

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer is new in 3.12
        piece = self._rest or memoryview(self._next())
        target = memoryview(buffer).cast("B")
        count = min(len(piece), len(target))
        target[:count] = piece[:count]
        self._rest = piece[count:]
        return count

    def drain(self) -> None:
        while self._next():
            pass

    def _next(self) -> bytes:
        if self._rest:
            rest, self._rest = self._rest.tobytes(), memoryview(b"")
            return rest
        if self._ended:
            return b""
        piece = self._pieces.get()
        self._ended = not piece
        return piece


class _Hashing:
    """Takes full buffers, gives them back when they were hashed and looked through."""

    def __init__(self) -> None:
        self._seen = UnpackedBytes()
        self._full = Queue[memoryview | None]()
        self._empty = Queue[memoryview]()
        for _ in range(_BUFFERS):
            self._empty.put(memoryview(bytearray(_UNPACKED)))

    def buffer(self) -> memoryview:
        return self._empty.get()

    def take(self, buffer: memoryview, count: int) -> None:
        self._full.put(buffer[:count])

    def end(self) -> None:
        self._full.put(None)

    def run(self) -> LayerRead:
        try:
            for piece in self._pieces():
                self._seen.feed(piece)
        finally:
            for _ in self._pieces():  # who unpacks may be waiting for a buffer
                pass
        return self._seen.read()

    def _pieces(self) -> Iterator[memoryview]:
        while (piece := self._full.get()) is not None:
            yield piece
            self._empty.put(memoryview(piece.obj))
        self.end()  # for who asks once more


def _unpack(pipe: _Pipe, hashing: _Hashing, what: str) -> None:
    try:
        source = _opened(pipe, what)
        while count := source.readinto(buffer := hashing.buffer()):
            hashing.take(buffer, count)
    except (EOFError, OSError, zlib.error, isal_zlib.error) as error:  # type: ignore[misc]  # a class, whatever the stub
        raise DamagedError(f"{what}: cannot be unpacked: {error}") from None
    finally:
        hashing.end()
        pipe.drain()  # who feeds may be waiting, too


def _opened(pipe: _Pipe, what: str) -> _Source:
    start = pipe.peek(len(ZSTD))
    if start.startswith(ZSTD):
        raise refused_zstd(what)
    if not start.startswith(GZIP):
        return pipe
    # What igzip.open makes use of; it alone fills a buffer that is there already, which saves a tenth of the time.
    return isal_zlib._GzipReader(cast("BinaryIO", pipe), _LARGEST_PIECE)  # noqa: SLF001
