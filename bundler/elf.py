"""What an ELF file says of itself: the machine it is for, the libraries and the glibc that it needs."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError, ELFParseError
from elftools.common.utils import parse_cstring_from_stream, struct_parse
from elftools.construct.core import ConstructError
from elftools.elf.dynamic import Dynamic
from elftools.elf.elffile import ELFFile
from elftools.elf.structs import ELFStructs

from installer.errors import DamagedError

HEAD = 64  # bytes of the first header
_MAGIC = b"\x7fELF"
_64_BIT, _LITTLE = 2, 1  # EI_CLASS, EI_DATA
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_386": "i386", "EM_PPC64": "ppc64le"}
_GLIBC = re.compile(r"GLIBC_(2(?:\.[0-9]+)+)")
# Markers without a version: which glibc knows them first (its NEWS).
_MARKERS = {"GLIBC_ABI_DT_RELR": "2.36", "GLIBC_ABI_DT_X86_64_PLT": "2.38", "GLIBC_ABI_GNU2_TLS": "2.42"}
_MOST_VERSIONS = 10_000  # that one file needs; a large library has a hundred
_PROBLEMS = (ELFError, ELFParseError, ConstructError, AssertionError, OverflowError, UnicodeDecodeError, ValueError)


@dataclass(frozen=True)
class Elf:
    """``needed`` are the names of its libraries; ``glibc`` is the least version that it runs with, "" if any does."""

    machine: str
    needed: tuple[str, ...]
    glibc: str


def is_elf(path: Path) -> bool:
    """By its first bytes: it may be damaged behind them."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def machine_of(head: bytes) -> str:
    """As `uname -m` calls it, of a file's first HEAD bytes; "" if that is no 64-bit ELF file."""
    if len(head) < HEAD or not head.startswith(_MAGIC) or (head[4], head[5]) != (_64_BIT, _LITTLE):
        return ""
    structs = ELFStructs(little_endian=True, elfclass=64)
    structs.create_basic_structs()
    return _machine_name(structs.Elf_Ehdr.parse_stream(io.BytesIO(head))["e_machine"])


def read_elf(file: BinaryIO, name: str) -> Elf:
    """DamagedError if ``file`` begins as ELF and does not go on so."""
    try:
        elf = ELFFile(file)
        tables = tuple(_dynamic_tables(elf))
        libraries = tuple(name for table in tables for name in _needed_libraries(table))
        versions = [version for table in tables for version in _needed_glibc(table)]
        return Elf(_machine_name(elf["e_machine"]), libraries, max(versions, key=numbers, default=""))
    except _PROBLEMS as error:
        raise DamagedError(f"{name}: not a whole ELF file: {str(error) or type(error).__name__}") from error


def numbers(version: str) -> tuple[int, ...]:
    """To compare versions by, of glibc for one: 2.5 comes before 2.17."""
    return tuple(int(number) for number in version.split("."))


def _machine_name(machine: str | int) -> str:
    return _MACHINES.get(str(machine), str(machine))


def _dynamic_tables(elf: ELFFile) -> Iterator[Dynamic]:
    """As the loader finds them: by the program's header alone, so that sections may be missing or say otherwise."""
    for segment in elf.iter_segments("PT_DYNAMIC"):
        for offset in elf.address_offsets(segment["p_vaddr"]):
            yield Dynamic(elf.stream, elf, None, offset, empty=False)


def _needed_libraries(table: Dynamic) -> Iterator[str]:
    return (str(vars(tag)["needed"]) for tag in table.iter_tags("DT_NEEDED"))


def _needed_glibc(table: Dynamic) -> Iterator[str]:
    if any(table.iter_tags("DT_VERNEED")):
        for count, name in enumerate(_needed_versions(table)):
            if count == _MOST_VERSIONS:
                raise ELFError(f"needs more than {_MOST_VERSIONS} versions of libraries")
            if version := _glibc_version(name):
                yield version


def _needed_versions(table: Dynamic) -> Iterator[str]:
    """The loader counts neither list: each entry says how far away the next one is, the last one 0."""
    structs, stream = table.elfstructs, table.elffile.stream
    names, library = _place(table, "DT_STRTAB"), _place(table, "DT_VERNEED")
    while True:
        entry = struct_parse(structs.Elf_Verneed, stream, library)
        wanted = library + entry["vn_aux"]
        while True:
            version = struct_parse(structs.Elf_Vernaux, stream, wanted)
            yield (parse_cstring_from_stream(stream, names + version["vna_name"]) or b"").decode()
            if not version["vna_next"]:
                break
            wanted += version["vna_next"]
        if not entry["vn_next"]:
            break
        library += entry["vn_next"]


def _place(table: Dynamic, tag: str) -> int:
    """Its offset in the file."""
    address, offset = table.get_table_offset(tag)
    if offset is None:
        raise ELFError(f"{tag} is at {address}, which no segment holds")
    return offset


def _glibc_version(name: str) -> str:
    match = _GLIBC.fullmatch(name)
    return match[1] if match else _MARKERS.get(name, "")
