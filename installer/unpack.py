"""Unpacking the runtime: regular files and folders of plain names, nothing else."""

import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from installer.errors import MalformedError, printable
from installer.index.names import LONGEST_PATH

_PIECE = 1 << 20  # bytes
_MOST_MEMBERS = 50_000
_MOST_BYTES = 2 << 30


def unpack_runtime(archive: BinaryIO, folder: Path) -> None:
    """Into ``folder``, which must be new. The caller has checked the archive's digest, and syncs if it must last."""
    folder.mkdir(parents=True, mode=0o755)
    try:
        _unpack_all(archive, folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        shutil.rmtree(folder)
        raise MalformedError(f"runtime.tar.gz: not a whole archive: {error}") from None
    except BaseException:
        shutil.rmtree(folder)
        raise


def _unpack_all(archive: BinaryIO, folder: Path) -> None:
    size = 0
    with tarfile.open(fileobj=archive, mode="r:gz") as members:
        for count, member in enumerate(members, 1):
            size += member.size
            if count > _MOST_MEMBERS or size > _MOST_BYTES:
                raise MalformedError(f"runtime.tar.gz: more than {_MOST_MEMBERS} files or {_MOST_BYTES} bytes")
            try:
                _unpack(members, member, folder)
            except (FileExistsError, NotADirectoryError):
                raise MalformedError(f"runtime.tar.gz: {printable(member.name)} stands there twice") from None


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = member.name.rstrip("/").split("/")
    is_plain = member.name.isprintable() and len(member.name) <= LONGEST_PATH
    if not is_plain or any(part in ("", ".", "..") for part in parts):
        raise MalformedError(f"runtime.tar.gz: member name {printable(member.name)[:100]!r}")
    target = folder.joinpath(*parts)
    if member.isdir():
        target.mkdir(exist_ok=True, parents=True)
        return
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise MalformedError(f"runtime.tar.gz: {printable(member.name)} is neither a file nor a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while piece := content.read(_PIECE):
            file.write(piece)
        os.fchmod(file.fileno(), 0o755 if member.mode & 0o100 else 0o644)
