"""The Python packages of `runtime: standalone`: which wheels, and what is in one, checked against its own list."""

import base64
import csv
import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bundler.wheels import Wheel, pinned_wheels
from installer.errors import DamagedError, RefusedError, printable
from installer.index.names import name_problem

_LARGEST = 256 << 20  # bytes of one wheel, unpacked
_LINK = 0o120000
# All that zipfile raises for what it cannot read; a wheel is neither encrypted nor packed in a new way.
_PROBLEMS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError, struct.error, lzma.LZMAError)
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")  # not in the list, for they sign it


@cache
def wheels_for(python: str) -> tuple[Wheel, ...]:
    """Of a Python like 3.12: what the installer imports, and what that imports (scripts/pin-wheels chose them)."""
    return pinned_wheels("bundler.sources.runtime", python)


def read_wheel(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Every file of a wheel. RefusedError for one that holds more than packages, DamagedError for a part of one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, name)
            record = _record(archive, members, name)
            for member, info in members.items():
                content = archive.read(info)
                if member in record and record[member] != _digest(content):
                    raise DamagedError(f"{name}: {member} is not what its RECORD says")
                yield member, content
    except _PROBLEMS as error:
        raise DamagedError(
            f"{name}: not a whole wheel: {printable(str(error))[:200]}", hint="`bundle build` again fetches it again"
        ) from error


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    size = 0
    for info in archive.infolist():
        if info.is_dir():
            continue
        size += info.file_size
        problem = _problem(info) or ("stands there twice" if info.filename in found else "")
        if problem:
            raise RefusedError(f"{name}: {printable(info.filename)[:200]!r}: {problem}")
        if size > _LARGEST:
            raise RefusedError(f"{name}: holds more than {_LARGEST} bytes")
        found[info.filename] = info
    return found


def _problem(info: zipfile.ZipInfo) -> str:
    if problem := name_problem(info.filename):
        return problem
    if info.external_attr >> 16 & 0o170000 == _LINK:
        return "is a link"
    if info.filename.split("/")[0].endswith(".data"):
        return "would go elsewhere than among the packages"
    return ""


def _record(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str) -> dict[str, str]:
    """File to its digest as RECORD has it. It lists all files, itself without a digest."""
    places = [member for member in members if member.endswith(".dist-info/RECORD") and member.count("/") == 1]
    if len(places) != 1:
        raise RefusedError(f"{name}: holds {len(places)} lists of its files instead of one, so it is no wheel")
    (place,) = places
    rows = list(csv.reader(io.StringIO(archive.read(members[place]).decode("utf-8", "replace"))))
    record = {row[0]: row[1] for row in rows if len(row) == 3 and row[0] != place}  # noqa: PLR2004 # path, digest, size
    folder = place.rpartition("/")[0]
    unlisted = set(members) - set(record) - {place, *(f"{folder}/{signature}" for signature in _SIGNATURES)}
    if differing := sorted(unlisted | (set(record) - set(members))):
        raise DamagedError(f"{name}: {printable(differing[0])[:200]}: its RECORD and its files do not go together")
    return record


def _digest(content: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()}"
