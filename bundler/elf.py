"""What an ELF file says of itself: the machine it is for, the libraries and the glibc that it needs."""

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

from elftools.common.exceptions import ELFError, ELFParseError
from elftools.construct.core import ConstructError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.structs import ELFStructs

from installer.errors import DamagedError

HEAD = 64  # bytes of the first header
_MAGIC = b"\x7fELF"
_64_BIT, _LITTLE = 2, 1  # EI_CLASS, EI_DATA
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_386": "i386", "EM_PPC64": "ppc64le"}
_GLIBC = re.compile(r"GLIBC_(2(?:\.[0-9]+)+)")
# Markers without a version: which glibc knows them first (its NEWS).
_MARKERS = {"GLIBC_ABI_DT_RELR": "2.36", "GLIBC_ABI_DT_X86_64_PLT": "2.38", "GLIBC_ABI_GNU2_TLS": "2.42"}
_PROBLEMS = (ELFError, ELFParseError, ConstructError, AssertionError, OverflowError, UnicodeDecodeError, ValueError)


@dataclass(frozen=True)
class Elf:
    """``needed`` are the names of its libraries; ``glibc`` is the least version that it runs with, "" if any does."""

    machine: str
    needed: tuple[str, ...]
    glibc: str


def is_elf(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def machine_of(head: bytes) -> str:
    """As `uname -m` calls it, of a file's first HEAD bytes; "" if that is no 64-bit ELF file."""
    if len(head) < HEAD or not is_elf(head) or (head[4], head[5]) != (_64_BIT, _LITTLE):
        return ""
    structs = ELFStructs(little_endian=True, elfclass=64)
    structs.create_basic_structs()
    return _machine_name(structs.Elf_Ehdr.parse_stream(io.BytesIO(head))["e_machine"])


def read_elf(file: BinaryIO, name: str) -> Elf:
    """DamagedError if ``file`` begins as ELF and does not go on so."""
    try:
        elf = ELFFile(file)
        versions = _needed_versions(elf)
        return Elf(_machine_name(elf["e_machine"]), _needed_libraries(elf), max(versions, key=numbers, default=""))
    except _PROBLEMS as error:
        raise DamagedError(f"{name}: not a whole ELF file: {str(error) or type(error).__name__}") from error


def numbers(version: str) -> tuple[int, ...]:
    """To compare versions by, of glibc for one: 2.5 comes before 2.17."""
    return tuple(int(number) for number in version.split("."))


def _machine_name(machine: str | int) -> str:
    return _MACHINES.get(str(machine), str(machine))


def _needed_libraries(elf: ELFFile) -> tuple[str, ...]:
    segments = (segment for segment in elf.iter_segments() if isinstance(segment, DynamicSegment))
    return tuple(str(vars(tag)["needed"]) for segment in segments for tag in segment.iter_tags("DT_NEEDED"))


def _needed_versions(elf: ELFFile) -> list[str]:
    found = []
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            names = [wanted.name for _, wants in section.iter_versions() for wanted in wants]
            found += [version for name in names if (version := _glibc_version(name))]
    return found


def _glibc_version(name: str) -> str:
    match = _GLIBC.fullmatch(name)
    return match[1] if match else _MARKERS.get(name, "")
