"""The folder that a runtime is put together in: gone afterwards, and what a killed build left of its own is swept."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bundler.cache import Cache
from bundler.needs import in_cache
from bundler.space import Need

_PREFIX = "vllm-airgap-runtime-"
# Side by side, so that the lock is not packed. A file, as NFS locks no folder.
_LOCK, _STAGE = "lock", "stage"


_UNPACKED: Final = 128 << 20  # bytes; as of Python 3.12 they are 100 and 40 MB
MOST_PACKED: Final = 48 << 20


def room_to_unpack() -> tuple[Need, ...]:
    """For a runtime that is put together."""
    below = Path(tempfile.gettempdir())
    return (Need(below, _UNPACKED, "the runtime, unpacked,", lambda: "TMPDIR=DIR puts what is temporary elsewhere"),)


def room_to_pack(cache: Cache) -> tuple[Need, ...]:
    """And for the archive that it becomes."""
    return *room_to_unpack(), in_cache(cache, MOST_PACKED, "the runtime")


@contextmanager
def staged(below: Path) -> Iterator[Path]:
    """An empty folder in a folder of its own below ``below``, which only we may look into."""
    _sweep(below)
    folder, descriptor = _held(below)
    try:
        stage = folder / _STAGE
        stage.mkdir()
        yield stage
    finally:
        _remove(folder)
        os.close(descriptor)


def _held(below: Path) -> tuple[Path, int]:
    """A new folder, of which the lock is held for as long as the descriptor is open."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=below))
        with suppress(FileNotFoundError):  # another build swept it before it had its lock
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return folder, descriptor
            os.close(descriptor)


def _sweep(below: Path) -> None:
    """By the locks, for times mean nothing where a clock may jump."""
    for folder in below.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # gone, at work, or not ours: then it is left to whose it is
            if folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                _sweep_one(folder)


def _sweep_one(folder: Path) -> None:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        folder.rmdir()  # only if it is empty: a build was killed before it had the lock, or after it removed that
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """The lock last, so that a kill in between leaves what can be swept."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder / _STAGE)
    (folder / _LOCK).unlink(missing_ok=True)
    folder.rmdir()
