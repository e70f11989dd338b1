"""Every byte counts, and a bad block is told from a wrong one."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from installer.errors import DamagedError, EnvironmentProblemError
from installer.index.document import CHUNK, ROLES, File
from installer.trust.contents import check_contents, hash_chunk, in_parallel
from installer.trust.medium import open_folder, read_at
from tests.fakes.file_events import listening
from tests.unit.installer.trust.signed import SignedBundle, ignore


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_flipped_bit_in_any_file_is_damage(bundle: SignedBundle, where: str) -> None:
    for file in bundle.document()["files"]:
        path = bundle.folder / file["path"]
        position = {"first": 0, "middle": file["size"] // 2, "last": file["size"] - 1}[where]
        flip(path, position)
        end = file["size"] - 1
        with pytest.raises(DamagedError) as caught:
            bundle.check()
        assert str(caught.value) == f"{file['path']}: content differs in chunk 0 (bytes 0 to {end})"
        flip(path, position)
    bundle.check()


def test_a_sparse_file_of_the_right_size_is_damage(bundle: SignedBundle) -> None:
    path = bundle.folder / "model/tiny-model/model.safetensors"
    size = path.stat().st_size
    os.truncate(path, 0)
    os.truncate(path, size)
    with pytest.raises(DamagedError, match="content differs"):
        bundle.check()


def zeros(size: int) -> File:
    whole = hashlib.sha256(bytes(CHUNK)).hexdigest()
    rest = hashlib.sha256(bytes(size % CHUNK)).hexdigest()
    chunks = (whole,) * (size // CHUNK) + ((rest,) if size % CHUNK else ())
    return File("big", "model", size, "0" * 64, chunks, ROLES, "a test", "build")


def test_the_chunk_that_differs_is_named(tmp_path: Path) -> None:
    size = 2 * CHUNK + 5
    with (tmp_path / "big").open("wb") as file:
        file.truncate(size)
    with open_folder(tmp_path) as folder:
        done: list[int] = []
        check_contents(folder, [zeros(size)], done.append)
        assert sum(done) == size
        flip(tmp_path / "big", 2 * CHUNK)
        with pytest.raises(DamagedError, match=rf"in chunk 2 \(bytes {2 * CHUNK} to {size - 1}\)$"):
            check_contents(folder, [zeros(size)], ignore)


def test_a_file_that_shrinks_while_it_is_read_is_damage(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(10))
    with open_folder(tmp_path) as folder, pytest.raises(DamagedError, match="expected 100 bytes, found 10"):
        check_contents(folder, [zeros(100)], ignore)


def test_every_piece_is_handed_on_with_its_offset(tmp_path: Path) -> None:
    content = os.urandom((2 << 20) + 3)
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / "x").write_bytes(content)
    file = File("x", "model", len(content), sha256, (sha256,), ROLES, "a test", "build")
    copy = bytearray(len(content))

    def write(piece: memoryview, offset: int) -> None:
        copy[offset : offset + len(piece)] = piece

    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    hash_chunk(descriptor, file, 0, ignore, also=write)
    os.close(descriptor)
    assert copy == content


def test_a_block_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    # The kernel refuses to read from a descriptor that may only write, as it does with a bad block.
    descriptor = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(EnvironmentProblemError, match=r"^x: cannot be read at byte 4096: ") as caught:
        read_at(descriptor, memoryview(bytearray(10)), 4096, "x")
    os.close(descriptor)
    assert "failing" in caught.value.hint


def test_the_first_error_is_raised_and_the_rest_not_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise DamagedError(str(item))

    with pytest.raises(DamagedError):
        in_parallel(work, iter(range(10_000)))
    assert len(begun) < 1000


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE])
@pytest.mark.parametrize("name", ["SHA256SUMS", "signatures", "bundle.json", "driver.run", "config.json"])
def test_a_file_that_cannot_be_opened_is_told_from_a_wrong_one(bundle: SignedBundle, name: str, number: int) -> None:
    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[0] == name:
            raise OSError(number, os.strerror(number))

    with listening(refuse), pytest.raises(EnvironmentProblemError, match=f"{name}.*: cannot be opened: ") as caught:
        bundle.check()
    assert "failing" in caught.value.hint
