"""Reading a folder that nobody vouches for: no link is followed, nothing but regular files is opened."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from installer.errors import AirgapError, DamagedError, EnvironmentProblemError, MalformedError, printable

# What desktop systems leave in the top folder of a stick. Warned of, never read.
_LITTER = frozenset(
    """
    .DS_Store .Spotlight-V100 .TemporaryItems .Trashes .apdisk .fseventsd autorun.inf desktop.ini
    lost+found Thumbs.db
    """.split()
) | {"System Volume Information", "$RECYCLE.BIN"}
_LITTER_PREFIXES = ("._", ".Trash-", "FOUND.", ".fuse_hidden", ".nfs")
READ_TRIES = 3
# What open says where something else is, or nothing. All else is the medium's or the system's fault.
_NOT_A_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


def is_litter(name: str) -> bool:
    return name in _LITTER or name.startswith(_LITTER_PREFIXES)


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """A descriptor of the bundle's folder. The folder itself may be reached through links, nothing below it."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EnvironmentProblemError(f"{path}: {error.strerror}", hint="name the bundle's folder") from error
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def open_file(folder: int, path: str, *, error: type[AirgapError] = DamagedError) -> Iterator[int]:
    """A descriptor of one regular file below ``folder``, reached component by component."""
    *parents, name = path.split("/")
    at = os.dup(folder)
    try:
        for parent in parents:
            deeper = _open(parent, os.O_RDONLY | os.O_DIRECTORY, at, path, error)
            os.close(at)
            at = deeper
        # O_NONBLOCK: opening a FIFO must not hang.
        descriptor = _open(name, os.O_RDONLY | os.O_NONBLOCK, at, path, error)
    finally:
        os.close(at)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise error(f"{path}: not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _open(name: str, flags: int, folder: int, path: str, error: type[AirgapError]) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as problem:
        if problem.errno not in _NOT_A_FILE:
            _fail(f"{printable(path)}: cannot be opened", problem)
        raise error(f"{printable(path)}: {problem.strerror}") from problem


def open_inner_folder(name: str, folder: int, *, error: type[AirgapError] = DamagedError) -> int:
    """A descriptor of the folder ``name`` right in ``folder``; the caller closes it."""
    return _open(name, os.O_RDONLY | os.O_DIRECTORY, folder, name, error)


def read_small(folder: int, path: str, limit: int, *, error: type[AirgapError] = DamagedError) -> bytes:
    """The bytes of a file, refused without reading them if more than ``limit``."""
    with open_file(folder, path, error=error) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > limit:
            raise MalformedError(f"{path}: {size} bytes, more than the {limit} allowed")
        buffer = bytearray(size + 1)
        length = 0
        while count := read_at(descriptor, memoryview(buffer)[length:], length, path):
            length += count
    if length > size:
        raise MalformedError(f"{path}: grew while it was read")
    return bytes(buffer[:length])


def read_at(descriptor: int, buffer: memoryview, offset: int, path: str) -> int:
    """Like preadv, but a bad block is tried three times and then named."""
    for remaining in reversed(range(READ_TRIES)):
        try:
            return os.preadv(descriptor, [buffer], offset)
        except OSError as problem:
            if not remaining:
                _fail(f"{path}: cannot be read at byte {offset}", problem)
    raise AssertionError


def _fail(what: str, problem: OSError) -> NoReturn:
    raise EnvironmentProblemError(
        f"{what}: {problem.strerror}",
        hint="the medium is failing or was pulled out; copy the bundle to another one",
    ) from problem


def walk(folder: int, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Every entry below ``folder`` but folders themselves, with its lstat. Links are not followed."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{below}{entry.name}"
        if not below and is_litter(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield path, entry.stat(follow_symlinks=False)
            continue
        inner = _open(entry.name, os.O_RDONLY | os.O_DIRECTORY, folder, path, DamagedError)
        try:
            yield from walk(inner, f"{path}/")
        finally:
            os.close(inner)


def litter(folder: int) -> tuple[str, ...]:
    return tuple(sorted(name for name in os.listdir(folder) if is_litter(name)))
