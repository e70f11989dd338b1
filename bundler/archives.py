"""Reading tar and tar.gz member by member, as a stream: nothing is ever unpacked.

Not by tarfile, which gathers extensions and the maps of sparse files of any length: a few hundred KiB of gzip can
hold GiB of them.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bundler.tar_headers import RECORD, Headers, Member, is_header, padded
from installer.errors import DamagedError, printable

_BUFFER = 1 << 20  # bytes
_SPARSE = ord("S")
_PROBLEMS = (gzip.BadGzipFile, EOFError, zlib.error)


@dataclass(frozen=True)
class Entry:
    """A member; ``name`` without the slash that ends a folder's."""

    name: str
    size: int
    is_file: bool
    is_folder: bool


def read_members(archive: Path, name: str) -> Iterator[tuple[Entry, IO[bytes]]]:
    """Every member of a tar.gz with its content, which must be read before the next member is asked for."""
    try:
        with gzip.open(archive) as unpacked:
            yield from tar_members(unpacked)
            # gzip compares its checksum at the end, which tar does not read.
            while unpacked.read(_BUFFER):
                pass
    except (DamagedError, *_PROBLEMS) as error:
        raise DamagedError(
            f"{name}: not a whole tar.gz archive: {printable(str(error))[:200]}",
            hint="a proxy or a login page may have answered instead of the publisher; look at the file's start",
        ) from error


def tar_members(file: io.BufferedIOBase) -> Iterator[tuple[Entry, IO[bytes]]]:
    """As ``read_members``, of an open tar that can seek forward. DamagedError for what is none."""
    headers = Headers()
    while any(header := _header(file)):
        member = headers.read(header)
        if member.kind == _SPARSE:
            raise DamagedError("a sparse file, which no publisher's archive needs")
        start = file.tell()
        if headers.extends(member):
            headers.extend(member, _exactly(file, member.size))
        else:
            yield _entry(member), io.BufferedReader(_Content(file, member))
        end = start + padded(member.size)
        if file.seek(end) != end:
            raise DamagedError("it ends early")


class _Content(io.RawIOBase):
    """What follows a header; empty for what is no file."""

    def __init__(self, file: io.BufferedIOBase, member: Member) -> None:
        self._file = file
        self._left = member.size if member.is_file else 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._left)
        buffer[:wanted] = _exactly(self._file, wanted)
        self._left -= wanted
        return wanted


def _header(file: io.BufferedIOBase) -> bytes:
    """b"" at the end of a tar that lacks its last, empty records."""
    header = file.read(RECORD)
    if not header and file.tell():
        return b""
    if not is_header(header):
        raise DamagedError("it is no tar, or ends early")
    return header


def _exactly(file: io.BufferedIOBase, size: int) -> bytes:
    try:
        data = file.read(size)
    except _PROBLEMS as error:
        raise DamagedError(f"the archive cannot be unpacked: {error}") from error
    if len(data) != size:
        raise DamagedError("it ends early")
    return data


def _entry(member: Member) -> Entry:
    name = member.name.decode(errors="surrogateescape")
    is_folder = member.is_folder or (member.is_file and name.endswith("/"))  # the second is how the oldest tar wrote it
    return Entry(name.rstrip("/"), member.size, member.is_file and not is_folder, is_folder)
