"""The node's own, verified copies of a bundle's files: what steps use instead of the medium."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from installer.errors import DamagedError, EnvironmentProblemError
from installer.index.document import File
from installer.node import Node
from installer.node.paths import STATE
from installer.trust.contents import hash_chunk, in_parallel

STAGING = f"{STATE}/staging"
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Staging:
    """A root-only folder per bundle, named by the digest of SHA256SUMS. The model goes to the data directory."""

    sums_digest: str
    model_dir: str

    @property
    def folder(self) -> str:
        return f"{STAGING}/{self.sums_digest}"

    @property
    def extra_files(self) -> str:
        """Where the files lie that the container sees at /files: the bundle has them as files/NAME."""
        return f"{self.folder}/files"

    @property
    def partial_model(self) -> str:
        return f"{self.model_dir}.partial"

    def place_of(self, file: File) -> str:
        if file.kind == "model":
            return f"{self.partial_model}/{inside_model(file)}"
        return f"{self.folder}/{file.path}"


def inside_model(file: File) -> str:
    """A model file's path below the model's folder: the bundle has it as model/NAME/PATH."""
    return file.path.split("/", 2)[2]


@contextmanager
def open_staged(node: Node, staging: Staging, file: File) -> Iterator[BinaryIO]:
    """The node's copy, hashed again from the same open file that is then used."""
    path = node.at(staging.place_of(file))
    try:
        copy = path.open("rb")
    except FileNotFoundError:
        raise EnvironmentProblemError(
            f"{path}: the node's copy is gone", hint="vllm-airgap install BUNDLE takes it from the medium again"
        ) from None
    with copy:
        try:
            check_copy(copy, file)
        except DamagedError as error:
            path.unlink()  # so that the next run takes it in again
            raise DamagedError(
                f"the node's copy of {error}", hint="vllm-airgap install BUNDLE takes it from the medium again"
            ) from None
        yield copy


def check_copy(copy: BinaryIO, file: File) -> None:
    if (found := os.fstat(copy.fileno()).st_size) != file.size:
        raise DamagedError(f"{file.path}: expected {file.size} bytes, found {found}")
    for number in range(len(file.chunks)):
        hash_chunk(copy.fileno(), file, number, _ignore)


def _ignore(_count: int) -> None:
    pass


def good_copies(folder: Path, files: tuple[File, ...]) -> tuple[File, ...]:
    """The model files whose copies below ``folder`` have the right content; hashed with all cores."""
    bad: set[str] = set()

    def check(chunk: tuple[File, int]) -> None:
        file, number = chunk
        if file.path not in bad and not _chunk_is_good(folder / inside_model(file), file, number):
            bad.add(file.path)

    in_parallel(check, ((file, number) for file in files for number in range(max(1, len(file.chunks)))))
    return tuple(file for file in files if file.path not in bad)


def _chunk_is_good(path: Path, file: File, number: int) -> bool:
    if not is_copy(path, file):
        return False
    try:
        with path.open("rb") as copy:
            if file.chunks:
                hash_chunk(copy.fileno(), file, number, _ignore)
    except (FileNotFoundError, DamagedError):
        return False
    return True


def is_copy(path: Path, file: File) -> bool:
    """By its size. A link is none: what it leads to is not there in the container, and not ours to write."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size == file.size


def incoming(place: Path) -> Path:
    """The name of a copy until it is complete. No file of a bundle can have a comma in its name."""
    return place.with_name(f"{place.name},incoming")


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file that a node may have, or None."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
