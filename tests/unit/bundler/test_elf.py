"""What ELF files say of themselves; this machine's own Python is one."""

import io
import random
import struct
from pathlib import Path

import pytest

from bundler.elf import HEAD, Elf, is_elf, machine_of, numbers, read_elf
from installer.errors import AirgapError, DamagedError

PYTHON = Path("/proc/self/exe")


def head(*, magic: bytes = b"\x7fELF", bits: int = 2, order: int = 1, machine: int = 62) -> bytes:
    return magic + bytes([bits, order]) + bytes(12) + struct.pack("<H", machine) + bytes(HEAD - 20)


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


def test_what_needs_no_glibc_runs_with_any() -> None:
    nothing = head()[:52] + struct.pack("<HHHHHH", 64, 56, 0, 64, 0, 0)
    assert read_elf(io.BytesIO(nothing), "nothing") == Elf("x86_64", (), "")


@pytest.mark.parametrize("length", [4, 20, 63, 64, 1000])
def test_a_part_of_a_program_is_damaged(length: int) -> None:
    with PYTHON.open("rb") as file:
        part = file.read(length)
    assert is_elf(part)
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
