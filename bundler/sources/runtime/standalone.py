"""runtime.tar.gz made of a portable Python and pinned wheels, for `runtime: {source: standalone}`.

Nothing in it comes from the machine that builds: the same release of vllm-airgap makes the same bytes everywhere.
That is why it holds no bytecode, which only the very interpreter could make, on a machine that runs it; without
it a start takes half a second longer.
"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pbs_installer import get_download_link

from bundler.archives import Entry, read_members
from bundler.cache import Cache
from bundler.elf import Elf
from bundler.lock import LockedFile
from bundler.progress import Tell
from bundler.sources.model.endpoint import check_endpoint
from bundler.sources.runtime.glibc import elf_files, refuse_newer_glibc
from bundler.sources.runtime.interpreter import PYTHON, is_wanted
from bundler.sources.runtime.libraries import GLIBC
from bundler.sources.runtime.packing import NEEDED, finish, pack, place, prove
from bundler.sources.runtime.program import installer_files, is_wanted_of_package
from bundler.sources.runtime.stage import room_to_pack, staged
from bundler.sources.runtime.wheels import read_wheel, wheels_for
from bundler.space import demand_room
from bundler.wheels import Wheel
from installer.errors import RefusedError, printable
from installer.index.document import RUNTIME_NAME, Target
from installer.index.names import name_problem

MIRROR = "PBS_INSTALLER_BASE_URL"
_PROGRAM = "program"
_BUFFER = 1 << 20  # bytes
# Every Linux with glibc has it beside glibc, which opens it itself; wheels may count on it (PEP 513).
_OF_THE_NODE = "libgcc_s.so.1"


@dataclass(frozen=True)
class Pinned:
    """A file with the digest that its publisher states."""

    what: str
    url: str
    sha256: str


Fetch = Callable[[Sequence[Pinned]], Sequence[Path]]  # files that have these digests, in this order


@dataclass(frozen=True)
class PortablePython:
    """A build of python-build-standalone; ``version`` is like 3.12.15."""

    version: str
    url: str
    sha256: str

    @property
    def minor(self) -> str:
        return self.version.rpartition(".")[0]


def portable_python(minor: str, target: Target, mirror: str) -> PortablePython:
    """The newest build of Python ``minor``; ``mirror`` "" is where the project publishes it."""
    found, (url, sha256) = get_download_link(minor, target.arch, "linux", base_url=mirror)
    if not sha256:
        raise RefusedError(
            f"runtime: Python {minor}: nobody has published a digest of {url}", hint="take another version of Python"
        )
    return PortablePython(f"{found.major}.{found.minor}.{found.micro}", url, sha256)


def pack_standalone(minor: str, target: Target, fetch: Fetch, cache: Cache, tell: Tell) -> LockedFile:
    """Known by the build, as nobody else states the digest of what is packed here; what it is made of is pinned."""
    python = portable_python(minor, target, _mirror())
    wheels = wheels_for(minor)
    archive, *wheel_files = fetch(_pinned(python, wheels))
    archives = dict(zip(wheels, wheel_files, strict=True))
    demand_room(room_to_pack(cache))
    tell(f"runtime: packing Python {python.version}")
    with staged(Path(tempfile.gettempdir())) as stage:
        fill(stage, python, archive, archives)
        check(stage, target)
        packed = pack(stage, cache)
    names = ", ".join(f"{wheel.name} {wheel.version} (sha256 {wheel.sha256})" for wheel in wheels)
    return LockedFile(
        path=RUNTIME_NAME,
        kind="runtime",
        size=packed.size,
        sha256=packed.sha256,
        source=(
            f"made of what its publishers' digests vouch for: Python {python.version} of python-build-standalone "
            f"(sha256 {python.sha256}) and, of PyPI, {names}"
        ),
        known_by="build",
    )


def _mirror() -> str:
    said = os.environ.get(MIRROR, "")
    return said and check_endpoint(said, MIRROR)


def _pinned(python: PortablePython, wheels: Sequence[Wheel]) -> tuple[Pinned, ...]:
    """The digests are those in tables that came with this program."""
    return (
        Pinned(f"runtime: Python {python.version}", python.url, python.sha256),
        *(Pinned(f"runtime: {wheel.file_name}", wheel.url, wheel.sha256) for wheel in wheels),
    )


def fill(stage: Path, python: PortablePython, archive: Path, wheels: Mapping[Wheel, Path]) -> None:
    _place_python(archive, python, stage)
    for wheel, path in wheels.items():
        _place_wheel(path, wheel, stage)
    place(installer_files(), stage)
    finish(stage)
    _keep_needed_libraries(stage)


def check(stage: Path, target: Target) -> None:
    """Against the target, and by running it where this machine can."""
    elves = _elves(stage)
    for name, elf in elves.items():
        if elf.machine != target.arch:
            raise RefusedError(f"runtime: {name} is for {elf.machine}, and the nodes are {target.arch}")
    refuse_newer_glibc(elves, target)
    if (sys.platform, platform.machine(), platform.libc_ver()[0]) == ("linux", target.arch, "glibc"):
        prove(stage)


def _place_python(archive: Path, python: PortablePython, stage: Path) -> None:
    name = f"Python {python.version}"
    for member, content in read_members(archive, name):
        if target := _place_of(member, python):
            if problem := name_problem(target):
                raise RefusedError(f"{name}: {printable(member.name)[:200]!r}: {problem}")
            path = stage / target
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(content, path)
    if not (stage / PYTHON).is_file():
        raise RefusedError(
            f"{name}: its archive holds no python/bin/python{python.minor}",
            hint=f"look at what {MIRROR} names; an archive `install_only_stripped` belongs there",
        )


def _place_of(member: Entry, python: PortablePython) -> str:
    """Where a member goes in runtime.tar.gz; "" if it stays behind, as links, tests and Tk do."""
    path = PurePosixPath(member.name)
    if not member.is_file or ".." in path.parts:
        return ""
    if path == PurePosixPath(f"python/bin/python{python.minor}"):
        return PYTHON
    library = PurePosixPath(f"python/lib/python{python.minor}")
    if path.is_relative_to(library):
        return str(path) if is_wanted(path.relative_to(library)) else ""
    is_library = path.parent == library.parent and ".so" in path.suffixes
    return f"{NEEDED}/{path.name}" if is_library else ""


def _write(content: IO[bytes], path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, _BUFFER)


def _place_wheel(archive: Path, wheel: Wheel, stage: Path) -> None:
    for name, content in read_wheel(archive, wheel.file_name):
        if is_wanted_of_package(PurePosixPath(name)):
            path = stage / _PROGRAM / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)


def _keep_needed_libraries(stage: Path) -> None:
    """Of the libraries that came with Python those that something needs; all others are the node's own glibc."""
    elves = _elves(stage)
    there = {name.rpartition("/")[2]: name for name in elves if name.startswith(f"{NEEDED}/")}
    wanted = [name for name in elves if name not in there.values()]
    kept: set[str] = set()
    while wanted:
        name = wanted.pop()
        kept.add(name)
        for library in elves[name].needed:
            if library not in there and not GLIBC.fullmatch(library) and library != _OF_THE_NODE:
                raise RefusedError(f"runtime: {name} needs {library}, which is neither in it nor a part of glibc")
            if there.get(library, name) not in kept:
                wanted.append(there[library])
    for name in set(there.values()) - kept:
        (stage / name).unlink()


def _elves(stage: Path) -> dict[str, Elf]:
    return elf_files({str(path.relative_to(stage)): path for path in sorted(stage.rglob("*")) if path.is_file()})
