"""A deb's control file becomes facts; what is none, or not whole, is refused."""

import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.packages.facts import PackageFacts, Relation
from bundler.packages.reading import read_package
from installer.errors import AirgapError, DamagedError, RefusedError
from tests.fakes.package_files import deb_package

CONTROL = """\
Package: gcc
Source: gcc-defaults (1.193)
Version: 4:11.2.0-1ubuntu1
Architecture: amd64
Maintainer: Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>
Depends: cpp (= 4:11.2.0-1ubuntu1), gcc-11 (>= 11.2.0-1~),
 libc6-dev | libc-dev, perl:any
Pre-Depends: dpkg (>> 1.15)
Provides: c-compiler, gcc-x86-64-linux-gnu (= 4:11.2.0-1ubuntu1)
Conflicts: gcc-doc (<< 1:2.95.3)
Breaks: old-gcc (< 2)
Description: GNU C compiler
 Depends: on nothing, this is text
"""


def read(tmp_path: Path, content: bytes) -> PackageFacts:
    path = tmp_path / "package"
    path.write_bytes(content)
    return read_package(path, "gcc.deb")


@pytest.mark.parametrize(("pack", "suffix"), [(bytes, ""), (gzip.compress, ".gz"), (lzma.compress, ".xz")])
def test_all_that_matters_is_read(tmp_path: Path, pack: Callable[[bytes], bytes], suffix: str) -> None:
    facts = read(tmp_path, deb_package(CONTROL, pack, suffix))
    assert (facts.format, facts.name, facts.version, facts.arch) == ("deb", "gcc", "4:11.2.0-1ubuntu1", "amd64")
    assert facts.provides == (
        Relation("gcc", "=", "4:11.2.0-1ubuntu1"),
        Relation("c-compiler"),
        Relation("gcc-x86-64-linux-gnu", "=", "4:11.2.0-1ubuntu1"),
    )
    assert facts.needs == (
        (Relation("dpkg", ">", "1.15"),),
        (Relation("cpp", "=", "4:11.2.0-1ubuntu1"),),
        (Relation("gcc-11", ">=", "11.2.0-1~"),),
        (Relation("libc6-dev"), Relation("libc-dev")),
        (Relation("perl"),),
    )
    assert facts.conflicts == (Relation("gcc-doc", "<", "1:2.95.3"), Relation("old-gcc", "<=", "2"))


def test_its_file_name_has_no_epoch(tmp_path: Path) -> None:
    facts = read(tmp_path, deb_package(CONTROL))
    assert (facts.file_name, facts.installed_version) == ("gcc_11.2.0-1ubuntu1_amd64.deb", "4:11.2.0-1ubuntu1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Package: gcc\n", ""),
        ("Architecture: amd64\n", ""),
        ("perl:any", "perl!"),
        ("cpp (= 4:11.2.0-1ubuntu1)", "cpp (4:11.2.0)"),
        ("perl:any", "\x1b[2J"),
    ],
)
def test_a_control_file_that_cannot_be_understood_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(DamagedError, match=r"gcc\.deb: cut or changed") as caught:
        read(tmp_path, deb_package(CONTROL.replace(old, new)))
    assert str(caught.value).isprintable()


def test_a_package_without_data_is_damaged(tmp_path: Path) -> None:
    whole = deb_package(CONTROL)
    with pytest.raises(DamagedError, match="it has no data"):
        read(tmp_path, whole[: whole.index(b"data.tar")])


@pytest.mark.parametrize("missing", [1, 1024, 1050, 1500, 11_000])
def test_a_cut_package_is_damaged(tmp_path: Path, missing: int) -> None:
    with pytest.raises(AirgapError, match=r"gcc\.deb: cut or changed"):
        read(tmp_path, deb_package(CONTROL)[:-missing])


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        read(tmp_path, b"<html>")


def test_no_flipped_byte_is_a_bug(tmp_path: Path) -> None:
    whole = deb_package(CONTROL, lzma.compress, ".xz")
    chosen = random.Random(3)  # noqa: S311 # the same bytes each time
    for _ in range(300):
        changed = bytearray(whole)
        changed[chosen.randrange(8, len(whole))] ^= 1 << chosen.randrange(8)
        try:
            read(tmp_path, bytes(changed))
        except AirgapError as error:
            assert str(error).isprintable()  # noqa: PT017 # most are still read
