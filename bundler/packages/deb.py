"""The control file of a deb: names, versions and relations. The data in it is never unpacked."""

import gzip
import io
import lzma
import re
import zlib
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path
from typing import BinaryIO

import zstandard

from bundler.archives import tar_members
from bundler.packages.facts import PackageFacts, Relation, cut, read_head, refuse_no_package
from installer.errors import DamagedError

MAGIC = b"!<arch>\n"
_MEMBER = 60  # bytes of an ar member's header
_LARGEST_ARCHIVE = 16 << 20  # bytes, packed or not
_LARGEST_CONTROL = 1 << 20  # bytes; the longest have some ten thousand
_LZMA_MEMORY = 128 << 20  # bytes; xz -9 takes 65 MiB
_CONTROL = re.compile(r"control\.tar(\.gz|\.xz|\.zst)?")
_DATA = re.compile(r"data\.tar(\.gz|\.bz2|\.xz|\.lzma|\.zst)?")
_RELATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+.-]*)(:[a-z0-9-]+)?\s*(\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s)]+)\s*\))?"
)
# `<` and `>` are what old packages write for `<=` and `>=` (Debian policy, 7.1).
_OPERATORS = {"<<": "<", "<": "<=", ">>": ">", ">": ">="}


def read_deb(path: Path, name: str) -> PackageFacts:
    """RefusedError for what is no deb, DamagedError for a part of one."""
    with path.open("rb") as file:
        if (head := read_head(file, len(MAGIC))) != MAGIC:
            raise refuse_no_package(name, head, "deb")
        try:
            fields = _parse(_control_text(_members(file)))
            return _facts(fields)
        except (DamagedError, zstandard.ZstdError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
            raise cut(name, f"its control file cannot be read: {error}") from error
        except (KeyError, ValueError) as error:
            raise cut(name, str(error)) from error


def _members(file: BinaryIO) -> dict[str, bytes]:
    """Of the ar archive: each by its name, the control archive with its content. All of the file must be there."""
    size = file.seek(0, io.SEEK_END)
    found: dict[str, bytes] = {}
    at = len(MAGIC)
    while at < size:
        file.seek(at)
        head = file.read(_MEMBER)
        if len(head) != _MEMBER or head[58:] != b"`\n":
            raise ValueError(f"no member begins at byte {at}")
        name, length = head[:16].decode("ascii").rstrip(" /"), int(head[48:58])
        if length < 0 or at + _MEMBER + length > size:
            raise ValueError(f"{name} ends after the file does")
        found[name] = file.read(min(length, _LARGEST_ARCHIVE)) if _CONTROL.fullmatch(name) else b""
        at += _MEMBER + length + length % 2
    if not any(_DATA.fullmatch(name) for name in found):
        raise ValueError("it has no data")
    return found


def _control_text(members: Mapping[str, bytes]) -> str:
    name = next((name for name in members if _CONTROL.fullmatch(name)), None)
    if name is None:
        raise ValueError("it has no control file")
    for member, content in tar_members(io.BytesIO(_unpacked(name, members[name]))):
        if member.is_file and member.name in {"./control", "control"}:
            if member.size > _LARGEST_CONTROL:
                raise ValueError(f"a control file of {member.size} bytes")
            return content.read().decode("utf-8", "replace")
    raise ValueError("it has no control file")


def _unpacked(name: str, packed: bytes) -> bytes:
    """No more than the largest archive; what is longer is cut."""
    match name.rpartition(".")[2]:
        case "gz":
            return gzip.GzipFile(fileobj=io.BytesIO(packed)).read(_LARGEST_ARCHIVE)
        case "xz":
            return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(packed, _LARGEST_ARCHIVE)
        case "zst":
            with zstandard.ZstdDecompressor().stream_reader(packed) as unpacked:
                return unpacked.read(_LARGEST_ARCHIVE)
        case _:
            return packed


def _parse(text: str) -> Mapping[str, str]:
    """One paragraph of fields, whose later lines are indented, as a mail's header has them."""
    message = Parser().parsestr(text, headersonly=True)
    return {name.lower(): " ".join(value.split()) for name, value in message.items()}


def _facts(fields: Mapping[str, str]) -> PackageFacts:
    name, version = fields["package"], fields["version"]
    own = Relation(name, "=", version)
    return PackageFacts(
        format="deb",
        name=name,
        version=version,
        arch=fields["architecture"],
        provides=(own, *(wanted for (wanted,) in _relations(fields.get("provides", "")))),
        needs=_relations(fields.get("pre-depends", "")) + _relations(fields.get("depends", "")),
        conflicts=_any_of(_relations(fields.get("conflicts", "")) + _relations(fields.get("breaks", ""))),
        # What is replaced may stay, unless the package conflicts with it, too.
        obsoletes=(),
    )


def _relations(field: str) -> tuple[tuple[Relation, ...], ...]:
    groups = (group for group in field.split(",") if group.strip())
    return tuple(tuple(_relation(word) for word in group.split("|")) for group in groups)


def _any_of(groups: tuple[tuple[Relation, ...], ...]) -> tuple[Relation, ...]:
    return tuple(relation for group in groups for relation in group)


def _relation(word: str) -> Relation:
    match = _RELATION.fullmatch(word.strip())
    if match is None:
        raise ValueError(f"its control file has {word.strip()[:80]!r} where a package belongs")
    operator = match["operator"] or ""
    return Relation(match["name"], _OPERATORS.get(operator, operator), match["version"] or "")
