"""An rpm's header becomes facts; what is none, or not whole, is refused."""

import random
import struct
from pathlib import Path

import pytest

from bundler.packages.facts import PackageFacts, Relation
from bundler.packages.reading import read_package
from installer.errors import AirgapError, DamagedError, RefusedError
from tests.fakes.package_files import Made, rpm_package

GCC = Made(
    "gcc",
    "2:4.8.5-44.el7",
    provides=(Relation("gcc(x86-64)", "=", "2:4.8.5-44.el7"), Relation("cc")),
    needs=(Relation("cpp", "=", "4.8.5-44.el7"), Relation("/sbin/install-info"), Relation("libgmp.so.10()(64bit)")),
    conflicts=(Relation("gcc-old", "<", "3.0"),),
    obsoletes=(Relation("gcc-chill", "<=", "2.0-1"),),
    files=("/usr/bin/gcc", "/usr/lib/gcc/cc1"),
)


def read(tmp_path: Path, content: bytes) -> PackageFacts:
    path = tmp_path / "package"
    path.write_bytes(content)
    return read_package(path, "gcc.rpm")


def test_all_that_matters_is_read(tmp_path: Path) -> None:
    facts = read(tmp_path, rpm_package(GCC))
    assert (facts.format, facts.name, facts.version, facts.arch) == ("rpm", "gcc", "2:4.8.5-44.el7", "x86_64")
    assert facts.provides == (Relation("gcc", "=", "2:4.8.5-44.el7"), *GCC.provides)
    assert facts.needs == tuple((need,) for need in GCC.needs)
    assert (facts.conflicts, facts.obsoletes) == (GCC.conflicts, GCC.obsoletes)
    assert facts.files == {"/usr/bin/gcc", "/usr/lib/gcc/cc1"}


def test_its_names_are_those_of_the_distribution(tmp_path: Path) -> None:
    facts = read(tmp_path, rpm_package(GCC))
    assert facts.file_name == "gcc-4.8.5-44.el7.x86_64.rpm"
    assert facts.installed_version == "2:4.8.5-44.el7.x86_64"


def test_a_bundle_can_have_its_name(tmp_path: Path) -> None:
    facts = read(tmp_path, rpm_package(Made("gcc", "1.0^git1-1~rc")))
    assert facts.file_name == "gcc-1.0%5Egit1-1~rc.x86_64.rpm"


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>", b"PK\x03\x04" + bytes(100), b"\xed\xab\xee"])
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RefusedError, match=r"gcc\.rpm: is no rpm or deb package"):
        read(tmp_path, content)


@pytest.mark.parametrize("length", [4, 96, 100, 200, 400])
def test_a_part_of_a_header_is_damaged(tmp_path: Path, length: int) -> None:
    with pytest.raises(DamagedError, match=r"gcc\.rpm: cut or changed"):
        read(tmp_path, rpm_package(GCC)[:length])


def test_a_cut_payload_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="its content is not what its header says"):
        read(tmp_path, rpm_package(GCC, bytes(5000))[:-1])


def test_no_flipped_byte_is_a_bug_or_goes_unseen(tmp_path: Path) -> None:
    whole = rpm_package(GCC)
    chosen = random.Random(2)  # noqa: S311 # the same bytes each time
    for place in chosen.sample(range(4, len(whole)), 300):
        changed = bytearray(whole)
        changed[place] ^= 1 << chosen.randrange(8)
        try:
            facts = read(tmp_path, bytes(changed))
        except AirgapError:
            continue
        assert facts == read(tmp_path, whole), place


LEAD = b"\xed\xab\xee\xdb" + bytes(92)


def made_header(entries: list[tuple[int, int, int, int]], store: bytes, *, length: int | None = None) -> bytes:
    counts = struct.pack(">II", len(entries), len(store) if length is None else length)
    index = b"".join(struct.pack(">IIII", *entry) for entry in entries)
    return b"\x8e\xad\xe8\x01" + bytes(4) + counts + index + store


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (made_header([], b"", length=64 << 20), "a header of 67108864 bytes"),
        (made_header([(1, 6, 0, 1)] * 1025, b"x\0"), "a header of 1025 entries"),
        (made_header([(1, 8, 0, 1 << 31)], bytes(100)), "more than 1048576 values"),
        (made_header([(1, 8, 0, 1000), (2, 8, 0, 1000)], bytes(1500)), "lie over each other"),
        (made_header([(1, 7, 0, 1000), (2, 7, 0, 1000)], bytes(1500)), "lie over each other"),
        (made_header([(1, 8, 0, 3)], b"a\0b\0"), "cut or changed"),
        (b"\0" + made_header([], b""), "no header begins at byte 96"),
    ],
)
def test_a_header_that_would_fill_the_memory_is_not_parsed(tmp_path: Path, header: bytes, said: str) -> None:
    with pytest.raises(DamagedError, match=said):
        read(tmp_path, LEAD + header)
    first = made_header([], b"")
    with pytest.raises(DamagedError, match="112" if "96" in said else said):
        read(tmp_path, LEAD + first + header)
