"""One run at a time works on a lock: a file beside it is held for as long as the run lasts."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.errors import LockedError


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """LockedError if another run is at work on ``lock``, which is renamed over and so cannot be held itself."""
    busy = lock.with_name(f".{lock.name}.busy")
    descriptor = _hold(busy)
    try:
        yield
    finally:
        busy.unlink(missing_ok=True)
        os.close(descriptor)


def _hold(busy: Path) -> int:
    while True:
        descriptor = os.open(busy, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(busy, descriptor):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise LockedError(f"{busy}: another run is at work on this lock", hint="wait for it to end") from error
        os.close(descriptor)  # the run that held it ended just now and took the file away


def _is_still(busy: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(busy.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
