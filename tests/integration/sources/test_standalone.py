"""A portable Python and wheels from PyPI become a runtime that runs, the same whatever machine builds it."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.elf import is_elf, read_elf
from bundler.lock import LockedFile
from bundler.sources.runtime.libraries import GLIBC
from bundler.sources.runtime.standalone import Fetch, Pinned, pack_standalone
from bundler.sources.runtime.wheels import read_wheel, wheels_for
from bundler.wheels import Wheel
from installer.errors import RefusedError
from installer.index.document import Target
from tests.integration.sources.portable_python import LEFT_BEHIND, MINOR, archive_at

HERE = Target("x86_64", "2.99", "rpm")
VERIFIES = """
import bz2, ctypes, hashlib, lzma, ssl, zlib, click, tqdm, installer.errors, installer.trust.signatures
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
key.public_key().verify(key.sign(b"signed", ec.ECDSA(hashes.SHA256())), b"signed", ec.ECDSA(hashes.SHA256()))
print("verified")
"""


def unheard(_line: str) -> None:
    pass


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By their digest."""
    folder = tmp_path_factory.mktemp("wheels")
    return {wheel.sha256: download(wheel, folder) for wheel in wheels_for(MINOR)}


def download(wheel: Wheel, folder: Path) -> Path:
    target = ("--platform", "manylinux2014_x86_64", "--platform", "any", "--python-version", MINOR)
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *target)
    done = subprocess.run(
        (*command, f"{wheel.name}=={wheel.version}", "--dest", folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"PyPI has no {wheel.file_name} for us: {done.stderr[-200:]}")
    return folder / wheel.file_name


@pytest.fixture(scope="module")
def fetch(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Fetch:
    python = archive_at(tmp_path_factory.mktemp("python") / "python.tar.gz")

    def fetch(pinned: Sequence[Pinned]) -> list[Path]:
        return [python if "install_only_stripped" in one.url else wheels[one.sha256] for one in pinned]

    return fetch


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def packed(fetch: Fetch, cache: Cache) -> LockedFile:
    return pack_standalone(MINOR, HERE, fetch, cache, unheard)


@pytest.fixture(scope="module")
def runtime(packed: LockedFile, cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime").resolve()
    subprocess.run(("tar", "-xzf", cache.path(packed.sha256), "-C", folder), check=True)
    return folder


def members(packed: LockedFile, cache: Cache) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(cache.path(packed.sha256)) as archive:
        yield from archive.getmembers()


def test_the_pinned_wheels_are_what_pypi_has(wheels: dict[str, Path]) -> None:
    for wheel in wheels_for(MINOR):
        content = wheels[wheel.sha256].read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (wheel.size, wheel.sha256)


def test_every_wheel_is_whole(wheels: dict[str, Path]) -> None:
    for wheel in wheels_for(MINOR):
        assert len(list(read_wheel(wheels[wheel.sha256], wheel.file_name))) > 5


def test_signatures_are_verified(runtime: Path) -> None:
    done = subprocess.run(
        (
            runtime / "python/bin/python3",
            "-I",
            "-B",
            "-c",
            f"import sys; sys.path.insert(0, {str(runtime / 'program')!r})\n{VERIFIES}",
        ),
        env={"LD_LIBRARY_PATH": str(runtime / "python/lib/needed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("verified\n", "")


def test_the_program_starts(runtime: Path) -> None:
    command = (runtime / "python/bin/python3", "-I", "-B", runtime / "program", "--help")
    environment = {"LD_LIBRARY_PATH": str(runtime / "python/lib/needed")}
    assert "Usage:" in subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_it_says_who_vouches_for_what_went_into_it(packed: LockedFile) -> None:
    """We made the archive; each thing in it was held against a digest that its publisher states."""
    assert packed.known_by == "build"
    assert packed.source.startswith("made of what its publishers' digests vouch for: Python 3.")
    for wheel in wheels_for(MINOR):
        assert f"{wheel.name} {wheel.version} (sha256 {wheel.sha256})" in packed.source


def test_another_run_in_another_place_gives_the_same_bytes(
    packed: LockedFile, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("/usr/share/zoneinfo/Etc", tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = pack_standalone(MINOR, HERE, fetch, Cache(tmp_path / "cache"), unheard)
    assert again == packed


def test_only_what_an_installer_needs_goes_along(packed: LockedFile, cache: Cache) -> None:
    found = {member.name: member for member in members(packed, cache)}
    assert not found.keys() & LEFT_BEHIND.keys()
    assert not [name for name in found if name.endswith(".pyc")]
    assert {member.type for member in found.values()} == {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in found.values()} == {(0, 0, 0, "", "")}
    assert {m.name for m in found.values() if m.isfile() and m.mode != 0o644} == {"python/bin/python3"}
    assert {"program/__main__.py", "program/installer/launcher.sh", "program/click/__init__.py"} <= found.keys()


def test_nothing_in_it_needs_more_than_glibc(runtime: Path) -> None:
    inside = {path.name for path in (runtime / "python/lib/needed").iterdir()}
    for path in runtime.rglob("*"):
        if path.is_file() and is_elf(path):
            with path.open("rb") as file:
                needed = set(read_elf(file, path.name).needed) - inside - {"libgcc_s.so.1"}
            assert [name for name in needed if not GLIBC.fullmatch(name)] == []


def test_a_file_that_needs_a_newer_glibc_than_the_nodes_have_is_named(fetch: Fetch, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"runtime: \S+ needs glibc 2\.\d+, and target.glibc is 2\.17") as caught:
        pack_standalone(MINOR, Target("x86_64", "2.17", "rpm"), fetch, Cache(tmp_path), unheard)
    assert caught.value.exit_code == 6
