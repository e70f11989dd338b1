"""Every byte against its digest: chunks of 64 MiB, hashed in threads, so that one huge file uses every core."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from itertools import islice
from threading import local
from typing import TypeVar

from installer.errors import DamagedError
from installer.index.document import CHUNK, File
from installer.trust.medium import open_file, read_at

Advance = Callable[[int], None]  # told of bytes done, from several threads
Meter = Callable[[str, int], AbstractContextManager[Advance]]  # told what comes and how many bytes of it
Piece = Callable[[memoryview, int], None]  # bytes and their offset in the file
_BUFFER = 1 << 20  # bytes; fits the second-level cache, so hashing reads what was just copied there
_threads = local()
_Item = TypeVar("_Item")


def workers() -> int:
    return len(os.sched_getaffinity(0))


def check_contents(folder: int, files: Iterable[File], advance: Advance) -> None:
    """Raise DamagedError for the first chunk below ``folder`` that differs."""

    def check(chunk: tuple[File, int]) -> None:
        file, number = chunk
        with open_file(folder, file.path) as descriptor:
            hash_chunk(descriptor, file, number, advance)

    in_parallel(check, ((file, number) for file in files for number in range(len(file.chunks))))


def hash_chunk(descriptor: int, file: File, number: int, advance: Advance, *, also: Piece | None = None) -> None:
    """Read chunk ``number`` once, hand every piece with its offset to ``also``, and compare its digest."""
    digest = hashlib.sha256()
    start, length = number * CHUNK, file.chunk_length(number)
    buffer = _thread_buffer()
    done = 0
    while done < length:
        count = read_at(descriptor, buffer[: min(_BUFFER, length - done)], start + done, file.path)
        if not count:
            raise DamagedError(f"{file.path}: expected {file.size} bytes, found {start + done}")
        piece = buffer[:count]
        digest.update(piece)
        if also is not None:
            also(piece, start + done)
        done += count
        advance(count)
    if digest.hexdigest() != file.chunks[number]:
        raise DamagedError(
            f"{file.path}: content differs in chunk {number} (bytes {start} to {start + length - 1})",
            hint="copy this file again from where the bundle was built",
        )


def _thread_buffer() -> memoryview:
    if not hasattr(_threads, "buffer"):
        _threads.buffer = memoryview(bytearray(_BUFFER))
    buffer: memoryview = _threads.buffer
    return buffer


def in_parallel(work: Callable[[_Item], None], items: Iterable[_Item]) -> None:
    """Do ``work`` on every item with all cores; the first error cancels what has not begun and is raised."""
    waiting = iter(items)
    with ThreadPoolExecutor(workers()) as pool:
        running = {pool.submit(work, item) for item in islice(waiting, 2 * workers())}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                if error := future.exception():
                    for other in running:
                        other.cancel()
                    raise error
            running |= {pool.submit(work, item) for item in islice(waiting, len(done))}
