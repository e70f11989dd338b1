"""The folder in which a bundle grows: DIR.partial, which becomes DIR at once when it is whole."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bundler.filesystems import saying_where
from bundler.modes import FILE_MODE, make_folder, set_mode
from installer.errors import LockedError, UsageError
from installer.index.document import FOLDERS, INDEX_NAME, LAUNCHER_NAME, RUNTIME_NAME
from installer.index.sums import SUMS_NAME
from installer.trust.signatures import SIGNATURES_FOLDER

_TOP = {LAUNCHER_NAME, RUNTIME_NAME, INDEX_NAME, SUMS_NAME, SIGNATURES_FOLDER, *FOLDERS.values()}


class Draft:
    """A bundle in the making. Modes do not depend on the umask."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the file ``name`` of the bundle is to be; its folders are there afterwards."""
        path = self.folder / name
        for parent in reversed(path.relative_to(self.folder).parents):
            make_folder(self.folder / parent)
        return path

    @contextmanager
    def writing(self, name: str, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
        with saying_where(self.folder), self.path(name).open("xb") as file:
            set_mode(file, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())

    def write(self, name: str, data: bytes, mode: int = FILE_MODE) -> None:
        with self.writing(name, mode) as file:
            file.write(data)


def refuse_taken(target: Path) -> None:
    """Nothing is ever written over, so DIR must be new or empty."""
    if target.is_mount():
        raise UsageError(f"{target}: is a mount point", hint=f"name a folder in it: -o {target / 'bundle'}")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target}: exists and is no folder", hint="name another folder")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{target}: not empty", hint="name another folder, or remove this one")


@contextmanager
def drafting(target: Path) -> Iterator[Draft]:
    """A Draft for ``target``; gone afterwards unless ``publish`` made it a bundle."""
    refuse_taken(target)
    partial = target.with_name(f"{target.name}.partial")
    with _alone(partial):
        try:
            yield Draft(partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def publish(draft: Draft, target: Path) -> None:
    """Nobody ever sees half a bundle under its name, not even after a power cut."""
    for folder, _, _ in os.walk(draft.folder):
        _sync(Path(folder))
    draft.folder.replace(target)
    _sync(target.parent)


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """An empty ``partial`` that no other build works in."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    make_folder(partial)
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, partial)
        _clear(partial)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, partial: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(f"{partial}: another build is at work there", hint="wait for it to end") from error


def _clear(partial: Path) -> None:
    """Remove what a killed build left behind, and nothing that was never of a bundle."""
    leftovers = list(partial.iterdir())
    for leftover in leftovers:
        if leftover.name not in _TOP:
            raise UsageError(f"{leftover}: not left by a build", hint=f"move {partial} away, or name another folder")
    for leftover in leftovers:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
