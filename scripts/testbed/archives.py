"""Tar archives whose bytes depend on their contents alone."""

import gzip
import tarfile
from collections.abc import Iterable
from pathlib import Path


def write_tar_gz(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """``members`` are (name in the archive, file or folder on disk); links are followed."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, dereference=True) as archive,
    ):
        for name, source in members:
            archive.add(source, name, recursive=False, filter=anonymous)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 0
    return member
