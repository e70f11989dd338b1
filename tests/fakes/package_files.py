"""Small rpm and deb files with true headers and no payload, and a driver's .run with a true header."""

import hashlib
import io
import struct
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bundler.packages.facts import Relation
from bundler.sources.driver_run import payload_sums

_AS_IT_IS: Final[Mapping[str, str]] = MappingProxyType({})
_LEAD = struct.Struct(">4sBBhh66shh16s")
_OPERATORS = {"": 0, "<": 2, "<=": 10, "=": 8, ">=": 12, ">": 4}
_INT32, _STRING, _BIN, _STRINGS = 4, 6, 7, 8


@dataclass(frozen=True)
class Made:
    """What a made package says of itself; ``version`` is [EPOCH:]VERSION-RELEASE."""

    name: str
    version: str = "1.0-1"
    arch: str = "x86_64"
    provides: tuple[Relation, ...] = ()
    needs: tuple[Relation, ...] = ()
    conflicts: tuple[Relation, ...] = ()
    obsoletes: tuple[Relation, ...] = ()
    files: tuple[str, ...] = ()


def rpm_package(made: Made, payload: bytes = b"payload") -> bytes:
    """As rpmbuild writes it: lead, sums, header, payload."""
    header = _header(_entries(made))
    sums = _header(
        [(1000, _INT32, 1, struct.pack(">I", len(header + payload))), (1004, _BIN, 16, _md5(header + payload))]
    )
    lead = _LEAD.pack(b"\xed\xab\xee\xdb", 3, 0, 0, 1, made.name.encode(), 1, 5, bytes(16))
    return lead + sums + bytes(-len(sums) % 8) + header + payload


def _entries(made: Made) -> list[tuple[int, int, int, bytes]]:
    epoch, _, version = made.version.rpartition(":")
    upstream, _, release = version.rpartition("-")
    own = Relation(made.name, "=", made.version)
    entries = [_text(1000, made.name), _text(1001, upstream), _text(1002, release), _text(1022, made.arch)]
    entries += [(1003, _INT32, 1, struct.pack(">I", int(epoch)))] if epoch else []
    entries += [_text(1044, f"{made.name}.src.rpm")]
    entries += _relations((1047, 1112, 1113), (own, *made.provides))
    entries += _relations((1049, 1048, 1050), made.needs)
    entries += _relations((1054, 1053, 1055), made.conflicts)
    entries += _relations((1090, 1114, 1115), made.obsoletes)
    if made.files:
        folders = [path.rpartition("/")[0] + "/" for path in made.files]
        entries.append(_texts(1117, (path.rpartition("/")[2] for path in made.files)))
        entries.append(_texts(1118, folders))
        entries.append(_numbers(1116, range(len(folders))))
    return entries


def _relations(tags: tuple[int, int, int], relations: tuple[Relation, ...]) -> list[tuple[int, int, int, bytes]]:
    if not relations:
        return []
    names, flags, versions = tags
    return [
        _texts(names, (relation.name for relation in relations)),
        _numbers(flags, (_OPERATORS[relation.operator] for relation in relations)),
        _texts(versions, (relation.version for relation in relations)),
    ]


def _text(tag: int, text: str) -> tuple[int, int, int, bytes]:
    return tag, _STRING, 1, text.encode() + b"\0"


def _texts(tag: int, texts: Iterable[str]) -> tuple[int, int, int, bytes]:
    packed = [text.encode() + b"\0" for text in texts]
    return tag, _STRINGS, len(packed), b"".join(packed)


def _numbers(tag: int, numbers: Iterable[int]) -> tuple[int, int, int, bytes]:
    packed = [struct.pack(">I", number) for number in numbers]
    return tag, _INT32, len(packed), b"".join(packed)


def _header(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    index, store = b"", b""
    for tag, kind, count, data in entries:
        store += bytes(-len(store) % 4)
        index += struct.pack(">IIII", tag, kind, len(store), count)
        store += data
    return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(entries), len(store)) + index + store


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def deb_package(control: str, pack: Callable[[bytes], bytes] = bytes, suffix: str = "") -> bytes:
    """With ``control`` as its control file; ``pack`` compresses the archive that holds it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as members:
        member = tarfile.TarInfo("./control")
        member.size = len(control.encode())
        members.addfile(member, io.BytesIO(control.encode()))
    parts = {
        "debian-binary": b"2.0\n",
        f"control.tar{suffix}": pack(archive.getvalue()),
        "data.tar": bytes(1024),
    }
    return b"!<arch>\n" + b"".join(_ar_member(name, content) for name, content in parts.items())


def _ar_member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
    return head.encode() + content + b"\n" * (len(content) % 2)


def driver_run(
    version: str, arch: str = "x86_64", *, payload: bytes = bytes(100_000), changed: Mapping[str, str] = _AS_IT_IS
) -> bytes:
    """``changed`` are other values for what the header says."""
    sums = payload_sums(io.BytesIO(payload), 0)
    said = {
        "skip": "9",
        "CRCsum": sums["crc"],
        "MD5": sums["md5"],
        "label": f'"NVIDIA Accelerated Graphics Driver for Linux-{arch} {version}"',
        "version_string": version,
        "TARGET_ARCH": f'"{arch}"',
    } | dict(changed)
    lines = ["#!/bin/sh", "# Makeself 1.6.0-nv", *(f"{name}={value}" for name, value in said.items())]
    return "".join(f"{line}\n" for line in lines).encode() + payload
