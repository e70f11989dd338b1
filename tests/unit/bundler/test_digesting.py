"""Both digests of a file, from one read, whatever its size."""

import hashlib
import threading
from pathlib import Path

import pytest

from bundler.digesting import digest_file, in_threads
from bundler.progress import Advance
from installer.index.document import CHUNK


def ignore(count: int) -> None:
    pass


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_chunks_and_whole_are_those_of_the_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(size)
        if size:
            file.seek(size - 1)
            file.write(b"x")
    copied = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        found = digest_file(file, ignore, copied.update)
    content = path.read_bytes()
    assert found.size == size
    assert found.sha256 == copied.hexdigest() == hashlib.sha256(content).hexdigest()
    assert list(found.chunks) == [hashlib.sha256(content[n : n + CHUNK]).hexdigest() for n in range(0, size, CHUNK)]


def test_the_first_failure_ends_the_others_soon() -> None:
    failed = threading.Event()

    def work(item: int, advance: Advance) -> None:
        if item == 0:
            failed.set()
            raise ValueError("bad item")
        failed.wait(10)
        for _ in range(10_000):
            advance(1)
            threading.Event().wait(0.001)

    with pytest.raises(ValueError, match="bad item"):
        in_threads(work, range(20), ignore)
