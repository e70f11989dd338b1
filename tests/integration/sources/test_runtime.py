"""The packed Python is unpacked and run: here, and in a root that holds glibc and nothing else."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lock import LockedFile
from bundler.sources.runtime.host import pack_host
from bundler.sources.runtime.libraries import GLIBC, read_ldd

LARGEST = 30_000_000  # bytes
SLOWEST_START = 2.0  # seconds, many times what it takes
VERIFIES = """
import hashlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
signature = key.sign(b"signed", ec.ECDSA(hashes.SHA256()))
key.public_key().verify(signature, b"signed", ec.ECDSA(hashes.SHA256()))
try:
    key.public_key().verify(signature, b"other", ec.ECDSA(hashes.SHA256()))
except InvalidSignature:
    print("verified")
"""
IMPORTS_ALL = """
import bz2, ctypes, decimal, hashlib, json, lzma, socket, ssl, subprocess, tarfile, unicodedata, uuid, zlib
import click, tqdm, installer.errors, installer.index.document, installer.trust.signatures
"""
MAPPED = """
for line in open("/proc/self/maps"):
    if "x" in (words := line.split(maxsplit=5))[1] and words[5:] and words[5].startswith("/"):
        print(words[5].strip())
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def packed(cache: Cache, told: list[str]) -> LockedFile:
    return pack_host(cache, told.append)


@pytest.fixture(scope="module")
def runtime(packed: LockedFile, cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime").resolve()
    subprocess.run(("tar", "-xzf", cache.path(packed.sha256), "-C", folder), check=True)
    return folder


def python(runtime: Path, code: str, *, root: Path | None = None) -> str:
    """In a cleared environment, as the launcher starts it."""
    inside = runtime if root is None else Path("/", runtime.relative_to(root))
    command = (
        f"{inside}/python/bin/python3",
        "-I",
        "-B",
        "-c",
        f"import sys; sys.path.insert(0, {f'{inside}/program'!r})\n{code}",
    )
    done = subprocess.run(
        command if root is None else ("/usr/sbin/chroot", root, *command),
        env={"LD_LIBRARY_PATH": f"{inside}/python/lib/needed"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bare_root(runtime: Path, tmp_path: Path) -> Path:
    """No shell, no /usr, no /proc: the loader, glibc's libraries and the runtime."""
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib/x86_64-linux-gnu").mkdir(parents=True)
    shutil.copy(loader, tmp_path / "lib64")
    for library in loader.resolve().parent.iterdir():
        if GLIBC.fullmatch(library.name) and not library.name.startswith("ld-"):
            shutil.copy(library, tmp_path / "lib/x86_64-linux-gnu")
    shutil.copytree(runtime, tmp_path / "runtime", symlinks=True)
    return tmp_path


def test_it_is_what_the_index_expects(packed: LockedFile) -> None:
    assert (packed.path, packed.kind, packed.known_by) == ("runtime.tar.gz", "runtime", "build")
    assert packed.size < LARGEST


def test_what_takes_seconds_is_told_and_what_is_packed_already_is_not(
    packed: LockedFile, cache: Cache, told: list[str]
) -> None:
    assert pack_host(cache, told.append) == packed
    assert told == [f"runtime: packing Python {platform.python_version()} of this machine"]


def test_packing_again_gives_the_same_bytes(packed: LockedFile, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from bundler.cache import Cache; from bundler.sources.runtime.host import pack_host;"
        "print(pack_host(Cache(pathlib.Path(sys.argv[1])), str).sha256)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONHASHSEED": "7"}
    command = (sys.executable, "-W", "error", "-c", code, tmp_path / "cache")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.strip() == packed.sha256


def test_members_tell_nothing_of_this_machine(packed: LockedFile, cache: Cache) -> None:
    with tarfile.open(cache.path(packed.sha256)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted((m.name for m in members), key=lambda name: name.split("/"))
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert {member.type for member in members} == {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert {m.name for m in members if m.isfile() and m.mode != 0o644} == {"python/bin/python3"}


def test_no_path_of_this_machine_is_in_the_bytecode(runtime: Path) -> None:
    compiled = sorted(runtime.rglob("*.pyc"))
    assert len(compiled) > 300
    for machine_path in (str(Path.cwd()), "vllm-airgap-runtime-"):
        assert [path for path in compiled if machine_path.encode() in path.read_bytes()] == []


def test_every_module_is_compiled_and_never_checked_against_its_source(runtime: Path) -> None:
    for source in runtime.rglob("*.py"):
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", source


def test_hashing_is_openssls(runtime: Path) -> None:
    assert python(runtime, "import hashlib, _hashlib; print(hashlib.sha256 is _hashlib.openssl_sha256)") == "True\n"


def test_signatures_are_verified(runtime: Path) -> None:
    assert python(runtime, VERIFIES) == "verified\n"


def test_nothing_but_glibc_is_loaded_from_elsewhere(runtime: Path) -> None:
    mapped = set(python(runtime, IMPORTS_ALL + VERIFIES + MAPPED).split()) - {"verified"}
    elsewhere = {Path(path).name for path in mapped if not path.startswith(f"{runtime}/")}
    assert any("_hashlib" in path for path in mapped)
    assert [name for name in sorted(elsewhere) if not GLIBC.fullmatch(name)] == []


def test_it_runs_where_there_is_only_glibc(bare_root: Path) -> None:
    runtime = bare_root / "runtime"
    assert python(runtime, IMPORTS_ALL + VERIFIES, root=bare_root) == "verified\n"


def test_the_program_is_started_by_its_folder(runtime: Path) -> None:
    shutil.copytree(runtime / "program", changed := runtime.parent / "program-changed", dirs_exist_ok=True)
    shutil.rmtree(changed / "installer/cli")  # with its compiled files, which Python takes as they are
    (changed / "installer/cli").mkdir()
    (changed / "installer/cli/__init__.py").write_text(
        "import sys\ndef main(): print('main', sys.argv[1:]); return 6\n"
    )
    done = subprocess.run(
        (runtime / "python/bin/python3", "-I", "-B", changed, "install", "--dry-run"),
        env={"LD_LIBRARY_PATH": str(runtime / "python/lib/needed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (6, "main ['install', '--dry-run']\n")


def test_it_starts_fast(runtime: Path) -> None:
    python(runtime, IMPORTS_ALL)
    began = time.monotonic()
    python(runtime, IMPORTS_ALL)
    assert time.monotonic() - began < SLOWEST_START


def test_no_library_is_packed_that_nothing_needs(runtime: Path) -> None:
    binaries = [path for path in runtime.rglob("*") if path.suffix == ".so" or path.parent.name in {"bin", "needed"}]
    environment = {"LD_LIBRARY_PATH": str(runtime / "python/lib/needed"), "PATH": os.environ["PATH"]}
    said = subprocess.run(("ldd", *binaries), env=environment, capture_output=True, text=True, check=True).stdout
    needed = {path for path in read_ldd(said).values() if path.is_relative_to(runtime / "python/lib/needed")}
    assert needed == set((runtime / "python/lib/needed").iterdir())
