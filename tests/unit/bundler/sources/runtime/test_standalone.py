"""Which portable Python it is, and what of its archive goes along."""

import re
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.manifest.parts import PYTHONS
from bundler.sources.runtime.standalone import MIRROR, PortablePython, check, fill, pack_standalone, portable_python
from installer.errors import RefusedError, UsageError
from installer.index.document import Target
from tests.unit.bundler.making import tar_gz

TARGET = Target("x86_64", "2.17", "rpm")
PYTHON = PortablePython("3.12.15", "https://example.org/python.tar.gz", "0" * 64)
LIBRARY = "python/lib/python3.12"
NO_ELF = {"python/bin/python3.12": b"#!/bin/sh\n", f"{LIBRARY}/os.py": b"import sys\n"}


def unheard(_line: str) -> None:
    pass


@pytest.mark.parametrize("minor", PYTHONS)
def test_every_python_that_a_manifest_may_name_has_a_portable_build(minor: str) -> None:
    python = portable_python(minor, TARGET, "")
    assert python.version.startswith(f"{minor}.")
    assert python.minor == minor
    assert re.fullmatch(
        r"https://github\.com/astral-sh/python-build-standalone/releases/download/[0-9]+/"
        rf"cpython-{re.escape(python.version)}%2B[0-9]+-x86_64-unknown-linux-gnu-install_only_stripped\.tar\.gz",
        python.url,
    )
    assert re.fullmatch(r"[0-9a-f]{64}", python.sha256)


def test_a_mirror_has_the_same_file() -> None:
    public, mirrored = (portable_python("3.12", TARGET, mirror) for mirror in ("", "https://mirror.example/python/"))
    assert mirrored.sha256 == public.sha256
    assert mirrored.url.startswith("https://mirror.example/python/cpython-3.12.")


def test_a_mirror_with_a_password_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, "https://me:geheim@mirror.example/python")
    with pytest.raises(UsageError, match=MIRROR) as caught:
        pack_standalone("3.12", TARGET, lambda _pinned: [], Cache(tmp_path / "cache"), unheard)
    assert "geheim" not in str(caught.value)


def filled(tmp_path: Path, members: Mapping[str, bytes], *links: tarfile.TarInfo) -> dict[str, bytes]:
    archive, stage = tmp_path / "python.tar.gz", tmp_path / "stage"
    archive.write_bytes(tar_gz(members, links))
    stage.mkdir()
    fill(stage, PYTHON, archive, {})
    return {str(path.relative_to(stage)): path.read_bytes() for path in stage.rglob("*") if path.is_file()}


def of_python(found: Mapping[str, bytes]) -> set[str]:
    return {name for name in found if not name.startswith("program/")}


def test_interpreter_and_library_go_along_and_little_else(tmp_path: Path) -> None:
    left_behind = (
        f"{LIBRARY}/test/test_os.py",
        f"{LIBRARY}/site-packages/pip/__init__.py",
        f"{LIBRARY}/__pycache__/os.cpython-312.pyc",
        f"{LIBRARY}/config-3.12-x86_64-linux-gnu/libpython3.12.a",
        f"{LIBRARY}/lib-dynload/_tkinter.so",
        "python/include/python3.12/Python.h",
        "python/share/man/man1/python3.1",
        "python/lib/libtcl8.6.so",
        "python/lib/pkgconfig/python3.pc",
        "python/bin/pip",
    )
    kept = {f"{LIBRARY}/json/decoder.py": b"", f"{LIBRARY}/LICENSE.txt": b"terms"}
    found = filled(tmp_path, {**NO_ELF, **kept, **dict.fromkeys(left_behind, b"x")})
    # A library stays only if a program needs it; one that is no ELF file, nobody can need.
    expected = {"python/bin/python3", f"{LIBRARY}/os.py", *kept, "python/lib/needed/libtcl8.6.so"}
    assert of_python(found) == expected


def test_the_installer_goes_along_without_bytecode(tmp_path: Path) -> None:
    found = filled(tmp_path, NO_ELF)
    assert {"program/__main__.py", "program/installer/cli/__init__.py", "program/installer/launcher.sh"} <= found.keys()
    assert not [name for name in found if name.endswith(".pyc")]


def test_links_and_names_that_lead_elsewhere_stay_behind(tmp_path: Path) -> None:
    link = tarfile.TarInfo(f"{LIBRARY}/link.py")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    found = filled(tmp_path, {**NO_ELF, f"{LIBRARY}/../../../../evil.py": b"x", f"/{LIBRARY}/abs.py": b"x"}, link)
    assert of_python(found) == {"python/bin/python3", f"{LIBRARY}/os.py"}


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"holds no python/bin/python3\.12"):
        filled(tmp_path, {"python/install/bin/python3.12": b"x"})


def test_a_program_for_another_machine_is_refused(tmp_path: Path) -> None:
    arm = b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 183) + bytes(32) + struct.pack("<6H", 64, 56, 0, 64, 0, 0)
    filled(tmp_path, {**NO_ELF, f"{LIBRARY}/lib-dynload/_ssl.so": arm})
    with pytest.raises(RefusedError, match=r"_ssl\.so is for aarch64, and the nodes are x86_64"):
        check(tmp_path / "stage", TARGET)


def test_a_member_name_that_a_bundle_cannot_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        filled(tmp_path, {**NO_ELF, f"{LIBRARY}/a b.py": b"x"})
    assert str(caught.value).isprintable()
