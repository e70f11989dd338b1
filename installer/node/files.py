"""Files that are whole whenever power goes, the space for them, and the lock."""

import ctypes
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.errors import LockedError


def place(target: Path, data: bytes, mode: int) -> None:
    """Write a file as a whole: aside, fsync, rename, fsync of the folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name},new")
    with open(aside, "wb", opener=_open_private) as file:  # Path.open has no opener
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    aside.rename(target)
    sync_folder(target.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def append(target: Path, data: bytes) -> None:
    """Add whole lines, also after one that a power cut tore."""
    is_new = not target.exists()
    with target.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            file.write(b"\n")
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(target.parent)


def make_private_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def free_bytes(path: Path) -> tuple[str, int]:
    """The mount point that ``path`` is or will be on, and its free space (f_bavail, what any user may take).

    Root could take the file system's reserve too, which is there to keep a full node running.
    """
    folder = _nearest(path)
    device, mount = folder.stat().st_dev, folder
    while mount != mount.parent and mount.parent.stat().st_dev == device:
        mount = mount.parent
    space = os.statvfs(folder)
    return os.fspath(mount), space.f_bavail * space.f_frsize


def write_problem(path: Path) -> str | None:
    """Why nothing can be written at ``path``, by trying: read-only, immutable, root squashed; or None.

    A folder that does not exist yet is asked for in the nearest one above it that does.
    """
    folder = _nearest(path)
    probe = folder / f".vllm-airgap-probe-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return None


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """One installer at a time. The file is never unlinked: two runs would then hold two locks."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockedError(
            "another vllm-airgap install is running on this node", hint="wait for it, then run the command again"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """All that was written to the file system of ``folder``: thousands of files one by one would take minutes.

    sync(2) waits for every other file system too, and for ever where one of them does not answer.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(folder))
    finally:
        os.close(descriptor)
