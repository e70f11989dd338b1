"""NVIDIA's .run file: its own words on version and machine, and its own checksums, without running it.

A makeself archive ("1.6.0-nv"): a shell script whose variables say what it is, then from line ``skip`` on the
payload, which MD5 and CRCsum are of. Later makeself counts the header's lines instead, so the payload may begin
one line further on; the checksum tells which of the two it is.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from installer.errors import DamagedError, RefusedError, printable

_LARGEST_HEADER = 256 << 10  # bytes; NVIDIA's has about 30 KB
_BUFFER = 1 << 20  # bytes
_SCRIPT = b"#!"
_VALUE = re.compile(rb"^(label|version_string|TARGET_ARCH|skip|MD5|CRCsum)=[\"']?([^\"'\n]*)[\"']?\s*$", re.MULTILINE)
_LINES = re.compile(r"[0-9]{1,6}")
_NO_MD5 = ("", "0" * 32)
_NO_CRC = ("", "0" * 10)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class DriverRun:
    """What the header says. ``starts`` are the offsets at which the payload may begin; no checksum is ""."""

    label: str
    version: str
    arch: str
    md5: str
    crc: str
    starts: tuple[int, ...]


def check_run(path: Path, name: str, version: str, arch: str, again: str) -> None:
    """RefusedError unless ``path`` is the driver ``version`` for ``arch``, DamagedError if its checksum differs.

    ``again`` is the command that fetches it once more.
    """
    with path.open("rb") as file:
        run = read_header(file.read(_LARGEST_HEADER), name, again)
        if run.version != version:
            raise RefusedError(
                f"{name}: is driver {printable(run.version)[:80]}, not {version}",
                hint="look at `driver.version` and `driver.url` in the manifest",
            )
        if run.arch != arch:
            raise RefusedError(
                f"{name}: is a driver for {printable(run.arch)[:80] or 'no machine that it names'}, "
                f"and the nodes are {arch}",
                hint=f"take the one for Linux-{arch}",
            )
        _check_payload(file, run, name, again)


def read_header(head: bytes, name: str, again: str) -> DriverRun:
    """Of the first bytes of a .run file."""
    if not head.startswith(_SCRIPT):
        raise RefusedError(f"{name}: not a driver's .run file", hint="a login page may have answered")
    values: dict[str, str] = {}
    for key, value in _VALUE.findall(head):
        values.setdefault(key.decode(), value.decode(errors="replace"))
    label = values.get("label", "")
    if "NVIDIA" in label and not _LINES.fullmatch(values.get("skip", "")):
        raise RefusedError(
            f"{name}: not as NVIDIA ships its driver: its header does not say where its payload begins (skip=)",
            hint="look at `driver.url` in the manifest",
        )
    if "NVIDIA" not in label:
        raise RefusedError(
            f"{name}: a script, but not NVIDIA's driver: it is labelled {printable(label)[:80]!r}",
            hint="look at `driver.url` in the manifest",
        )
    return DriverRun(
        label=label,
        version=values.get("version_string") or label.rpartition(" ")[2],
        arch=values.get("TARGET_ARCH", ""),
        md5=values.get("MD5", ""),
        crc=values.get("CRCsum", ""),
        starts=_starts(head, int(values["skip"]), name, again),
    )


def _starts(head: bytes, skip: int, name: str, again: str) -> tuple[int, ...]:
    ends = [0, *(match.end() for match in re.finditer(rb"\n", head))]
    found = tuple(ends[lines] for lines in (skip - 1, skip) if 0 < lines < len(ends))
    if not found:
        raise DamagedError(f"{name}: ends within its header of {skip} lines", hint=_whole(again))
    return found


def _check_payload(file: BinaryIO, run: DriverRun, name: str, again: str) -> None:
    wanted = {kind: text for kind, text in (("md5", run.md5), ("crc", run.crc)) if text not in (*_NO_MD5, *_NO_CRC)}
    if not wanted:
        raise RefusedError(
            f"{name}: has no checksum of its own, so it is not as NVIDIA ships it",
            hint="take the file from NVIDIA, or name its digest in `driver.sha256`",
        )
    found = [payload_sums(file, start) for start in run.starts]
    if not any(_agree(wanted, sums) for sums in found):
        raise DamagedError(
            f"{name}: cut or changed: its header says {_in_words(wanted)}, its payload has {_in_words(found[-1])}",
            hint=_whole(again),
        )


def _agree(wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    return all(found[kind] == text for kind, text in wanted.items())


def _in_words(sums: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} {printable(text)[:40]}" for kind, text in sums.items())


def _whole(again: str) -> str:
    return f"remove the file, or if it was fetched: `{again}` fetches it again"


def payload_sums(file: BinaryIO, start: int) -> dict[str, str]:
    """MD5 and POSIX cksum from ``start`` to the end."""
    md5, crc, size = hashlib.md5(usedforsecurity=False), 0xFFFFFFFF, 0
    for piece in _pieces(file, start):
        md5.update(piece)
        crc = zlib.crc32(piece.translate(_REVERSED), crc)
        size += len(piece)
    length = size.to_bytes((size.bit_length() + 7) // 8, "little")
    crc = zlib.crc32(length.translate(_REVERSED), crc)
    return {"md5": md5.hexdigest(), "crc": str(_mirrored(crc))}


def _pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    file.seek(start)
    while piece := file.read(_BUFFER):
        yield piece


def _mirrored(crc: int) -> int:
    """cksum(1) feeds the highest bit first and zlib the lowest: the same sum of mirrored bytes, mirrored."""
    return int(f"{crc:032b}"[::-1], 2)
