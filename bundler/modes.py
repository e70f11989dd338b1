"""Permission bits of what a build writes, where the file system knows any."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

FILE_MODE, PROGRAM_MODE, FOLDER_MODE = 0o644, 0o755, 0o755
_UNKNOWN = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def set_mode(file: BinaryIO | FileIO, mode: int) -> None:
    with _where_known():
        os.fchmod(file.fileno(), mode)


def make_folder(path: Path) -> None:
    with suppress(FileExistsError):
        path.mkdir()
        with _where_known():
            path.chmod(FOLDER_MODE)


@contextmanager
def _where_known() -> Iterator[None]:
    """FAT and some network file systems refuse to change modes; they keep none, either."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
