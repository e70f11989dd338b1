"""One gzip stream, compressed by all cores; its bytes do not depend on how many those are."""

import os
import struct
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from isal import isal_zlib

BLOCK = 1 << 20  # bytes; where the stream is cut, so it decides the output
_LEVEL = 2  # of 0 to 3: 3 saves 2 % for half the speed
_DICTIONARY = 32 << 10  # bytes, all that deflate can look back
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, no system
_NO_MORE_BLOCKS = b"\x03\x00"
_RAW_DEFLATE = -15
_MOST_WORKERS = 8  # several times what one SHA-256 keeps up with, and the blocks they hold are memory


def compressors() -> ThreadPoolExecutor:
    """Threads do: isal lets the others run while it compresses."""
    return ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), _MOST_WORKERS))


class GzipWriter:
    """``write`` blocks of exactly BLOCK bytes, the last one may be shorter, then ``finish``."""

    def __init__(self, sink: Callable[[bytes], int], pool: ThreadPoolExecutor) -> None:
        self._sink = sink
        self._pool = pool
        self._pending: deque[Future[bytes]] = deque()
        self._last = b""
        self._crc = 0
        self._size = 0
        sink(_HEADER)

    def write(self, block: bytes) -> int:
        self._pending.append(self._pool.submit(_compress, block, self._last[-_DICTIONARY:]))
        self._last = block
        self._crc = isal_zlib.crc32(block, self._crc)
        self._size += len(block)
        if len(self._pending) > 2 * _MOST_WORKERS:
            self._sink(self._pending.popleft().result())
        return len(block)

    def finish(self) -> None:
        while self._pending:
            self._sink(self._pending.popleft().result())
        self._sink(_NO_MORE_BLOCKS + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))


def _compress(block: bytes, before: bytes) -> bytes:
    """Ends at a byte boundary, so that blocks can be joined."""
    stream = isal_zlib.compressobj(_LEVEL, wbits=_RAW_DEFLATE, zdict=before)
    return stream.compress(block) + stream.flush(isal_zlib.Z_SYNC_FLUSH)
