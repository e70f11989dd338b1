"""Unpacking the runtime: regular files and folders of plain names, nothing else."""

import os
import tarfile
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
    size = 0
    with tarfile.open(fileobj=archive, mode="r:gz") as members:
        for count, member in enumerate(members):
            size += member.size
            if count > _MOST_MEMBERS or size > _MOST_BYTES:
                raise MalformedError(f"runtime.tar.gz: more than {_MOST_MEMBERS} files or {_MOST_BYTES} bytes")
            _unpack(members, member, folder)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = member.name.rstrip("/").split("/")
    if len(member.name) > LONGEST_PATH or any(part in ("", ".", "..") for part in parts):
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
