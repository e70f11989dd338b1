"""Whether the file system below a folder can hold what shall be written there."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bundler.lock import LockedFile
from bundler.sizes import in_units
from installer.errors import EnvironmentProblemError

_FAT = {"vfat", "msdos"}
_FAT_LIMIT = 2**32 - 1  # bytes of one file
_DISK_PROBLEMS = {errno.ENOSPC, errno.EDQUOT}
_MOUNTS = Path("/proc/self/mountinfo")


def check_file_sizes(folder: Path, files: Iterable[LockedFile], mounts: Path = _MOUNTS) -> None:
    if _kind(folder, mounts.read_text()) not in _FAT:
        return
    for file in files:
        if file.size > _FAT_LIMIT:
            raise EnvironmentProblemError(
                f"{folder}: a FAT file system holds no file over 4 GiB, {file.path} has {in_units(file.size)}",
                hint="format the medium with exFAT, ext4 or XFS, or build on another disk",
            )


@contextmanager
def saying_where(folder: Path) -> Iterator[None]:
    """The system names no file when a disk is full, and a person has two that may be."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_PROBLEMS:
            raise
        raise EnvironmentProblemError(
            f"{folder}: {error.strerror}", hint="free some space there; VLLM_AIRGAP_CACHE moves the cache elsewhere"
        ) from error


def _kind(folder: Path, mounts: str) -> str:
    """The type of the file system that holds ``folder``, "" if ``mounts`` does not know it."""
    device = folder.stat().st_dev
    for line in mounts.splitlines():
        fields = line.split()
        if fields[2] == f"{os.major(device)}:{os.minor(device)}":
            return fields[fields.index("-") + 1]
    return ""
