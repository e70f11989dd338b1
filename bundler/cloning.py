"""A second name or a clone of a file instead of a second copy, where the file system can."""

import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path

from bundler.modes import set_mode

_FICLONE = 0x40049409  # ioctl, linux/fs.h
_CANNOT = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EMLINK, errno.ENOSYS}


def clone_or_link(source: Path, target: Path, mode: int) -> bool:
    """Make ``target`` hold what ``source`` holds without writing it again; False if there is no such way here."""
    # A clone first: it stays as it is when the other is edited in place.
    return clone(source, target, mode) or _link(source, target, mode)


def clone(source: Path, target: Path, mode: int) -> bool:
    """Make ``target`` a file of its own that shares what is on the disk; False if there is no such way here."""
    with source.open("rb") as origin, target.open("xb") as copy:
        set_mode(copy, mode)
        done = clone_into(origin.fileno(), copy.fileno())
        if done:
            os.fsync(copy.fileno())
    if not done:
        target.unlink()
    return done


def can_clone(folder: Path) -> bool:
    """Whether two files on the file system of ``folder`` can share what is on the disk."""
    with tempfile.TemporaryFile(dir=folder) as one, tempfile.TemporaryFile(dir=folder) as other:
        return clone_into(one.fileno(), other.fileno())


def clone_into(source: int, target: int) -> bool:
    """The same for open files."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True


def _link(source: Path, target: Path, mode: int) -> bool:
    found = source.stat()
    # Both names share mode and owner, so those must fit already.
    if stat.S_IMODE(found.st_mode) != mode or found.st_uid != os.geteuid():
        return False
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True
