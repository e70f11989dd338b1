"""What ELF files say of themselves; this machine's own Python is one."""

import io
import random
import struct
from pathlib import Path

import pytest

from bundler.elf import HEAD, Elf, is_elf, machine_of, numbers, read_elf
from installer.errors import AirgapError, DamagedError

PYTHON = Path("/proc/self/exe")
DT_STRTAB, DT_VERNEED, DT_VERNEEDNUM = 5, 0x6FFFFFFE, 0x6FFFFFFF


def head(*, magic: bytes = b"\x7fELF", bits: int = 2, order: int = 1, machine: int = 62) -> bytes:
    return magic + bytes([bits, order]) + bytes(12) + struct.pack("<H", machine) + bytes(HEAD - 20)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "program"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "machine"),
    [
        (head(), "x86_64"),
        (head(machine=183), "aarch64"),
        (head(machine=22), "EM_S390"),
        (head(machine=60_000), "60000"),
        (head(bits=1), ""),
        (head(order=2), ""),
        (head(magic=b"#!/b"), ""),
        (head()[:-1], ""),
        (b"", ""),
    ],
)
def test_the_machine_is_read_from_the_first_bytes(content: bytes, machine: str) -> None:
    assert machine_of(content) == machine


def test_a_program_names_its_libraries_and_the_least_glibc() -> None:
    with PYTHON.open("rb") as file:
        elf = read_elf(file, "python3")
    assert elf.machine == "x86_64"
    assert "libc.so.6" in elf.needed
    assert numbers("2.17") <= numbers(elf.glibc) < numbers("3.0")


def test_the_glibc_is_told_as_the_loader_sees_it_without_sections() -> None:
    changed = bytearray(PYTHON.read_bytes())
    whole = read_elf(io.BytesIO(changed), "python3")
    changed[0x28:0x30] = bytes(8)  # e_shoff
    changed[0x3A:0x40] = bytes(6)  # their size, their number, and the one with their names
    assert read_elf(io.BytesIO(changed), "python3") == whole


@pytest.mark.parametrize("address", [1 << 40, 2**64 - 1])
def test_needed_versions_that_lie_nowhere_are_damage(address: int) -> None:
    changed = bytearray(PYTHON.read_bytes())
    at = changed.index(struct.pack("<Q", DT_VERNEED))
    changed[at + 8 : at + 16] = struct.pack("<Q", address)
    with pytest.raises(DamagedError, match="python3: not a whole ELF file"):
        read_elf(io.BytesIO(changed), "python3")


def test_no_table_of_versions_is_read_without_end() -> None:
    with pytest.raises(DamagedError, match="needs more than 10000 versions"):
        read_elf(io.BytesIO(needing_versions(10_001)), "endless")
    assert read_elf(io.BytesIO(needing_versions(10_000)), "long").glibc == "2.38"


def needing_versions(count: int) -> bytes:
    """A library whose one entry of needed versions lists GLIBC_2.38 so often."""
    names = b"\0libc.so.6\0GLIBC_2.38\0"
    dynamic_at = HEAD + 2 * 56
    names_at = dynamic_at + 4 * 16
    table_at = names_at + len(names)
    table = struct.pack("<HHIII", 1, count % 65_536, 1, 16, 0)
    table += b"".join(struct.pack("<IHHII", 0, 0, 2, 11, 16 if left else 0) for left in reversed(range(count)))
    tags = ((DT_STRTAB, names_at), (DT_VERNEED, table_at), (DT_VERNEEDNUM, 1), (0, 0))
    size = table_at + len(table)
    segments = ((1, 0, size), (2, dynamic_at, 4 * 16))  # PT_LOAD, PT_DYNAMIC
    return b"".join(
        (
            head()[:32] + struct.pack("<QQIHHHHHH", HEAD, 0, 0, HEAD, 56, len(segments), 0, 0, 0),
            *(struct.pack("<IIQQQQQQ", kind, 4, at, at, at, length, length, 8) for kind, at, length in segments),
            *(struct.pack("<QQ", tag, value) for tag, value in tags),
            names,
            table,
        )
    )


def test_what_needs_no_glibc_runs_with_any() -> None:
    nothing = head()[:52] + struct.pack("<HHHHHH", 64, 56, 0, 64, 0, 0)
    assert read_elf(io.BytesIO(nothing), "nothing") == Elf("x86_64", (), "")


@pytest.mark.parametrize("content", [b"", b"\x7fEL", b"#!/bin/sh\n", b"\n\x7fELF"])
def test_what_begins_otherwise_is_no_elf(content: bytes, tmp_path: Path) -> None:
    assert not is_elf(written(tmp_path, content))


@pytest.mark.parametrize("length", [4, 20, 63, 64, 1000])
def test_a_part_of_a_program_is_damaged(length: int, tmp_path: Path) -> None:
    with PYTHON.open("rb") as file:
        part = file.read(length)
    assert is_elf(written(tmp_path, part))
    with pytest.raises(DamagedError, match="python3: not a whole ELF file"):
        read_elf(io.BytesIO(part), "python3")


def test_no_flipped_byte_of_the_header_is_a_bug() -> None:
    whole = bytearray(PYTHON.read_bytes())
    chosen = random.Random(1)  # noqa: S311 # the same bytes each time
    for _ in range(200):
        changed = whole.copy()
        changed[chosen.randrange(16, 1000)] = chosen.randrange(256)
        try:
            read_elf(io.BytesIO(changed), "changed")
        except AirgapError as error:
            assert isinstance(error, DamagedError)  # noqa: PT017 # most are still read


def test_2_5_comes_before_2_17() -> None:
    assert max(("2.5", "2.17", "2.9"), key=numbers) == "2.17"
