"""A folder for one run of ours, locked while a process of that run lives: by that, what a killed one left is told."""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "vllm-airgap.handover."  # the launcher's own are not among them


@dataclass(frozen=True)
class TemporaryFolder:
    """``lock`` is a descriptor: a program that is run from here, and may outlive us, has to inherit it."""

    path: Path
    lock: int

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def make_temporary_folder(place: str) -> TemporaryFolder:
    """Raises OSError where there can be none. What killed runs left in ``place`` is gone afterwards."""
    remove_left_in(place)
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with suppress(OSError):  # a file system without locks: there nobody removes what is left, either
        fcntl.flock(lock, fcntl.LOCK_EX)
    return TemporaryFolder(path, lock)


def remove_left_in(place: str) -> None:
    for left in Path(place).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _remove_unless_locked(left)


def _remove_unless_locked(left: Path) -> None:
    """An empty one may be one that its run has yet to lock."""
    lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_uid == os.geteuid() and os.listdir(lock):
            shutil.rmtree(left)
    finally:
        os.close(lock)
