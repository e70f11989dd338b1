"""Reading a tar.gz member by member, as a stream: nothing is ever unpacked."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from installer.errors import DamagedError, printable

_BUFFER = 1 << 20  # bytes


def read_members(archive: Path, name: str) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every member with its content, which is empty for what is no file and must be read before the next member."""
    try:
        with gzip.open(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as opened:
            for member in opened:
                yield member, _content(opened, member)
            # gzip compares its checksum at the end, which tar does not read.
            while unpacked.read(_BUFFER):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedError(
            f"{name}: not a whole tar.gz archive: {printable(str(error))[:200]}",
            hint="a proxy or a login page may have answered instead of the publisher; look at the file's start",
        ) from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member) if member.isreg() else None
    return content or io.BytesIO()
