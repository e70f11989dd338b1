"""The last lines of a lock and of a build: what there is now, where it came from, and what to write down."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from bundler.build import Built
from bundler.console import Console
from bundler.lock import Lock
from bundler.sizes import in_units
from installer.index.document import KNOWN_BY, File

_WIDTH = 16  # columns, beside which a digest still fits into the 80 of a terminal


def show_locked(lock: Lock, path: Path, console: Console) -> None:
    console.say(f"{path}: {_files(len(lock.files))}, {in_units(sum(file.size for file in lock.files))}")
    console.say(f"digests known by: {', '.join(_by_knower(lock))}")
    if lock.backend:
        console.say(f"backend: {lock.backend.words}")


def _by_knower(lock: Lock) -> Iterator[str]:
    for knower in KNOWN_BY:
        parts = sorted(name for name, part in lock.parts.items() if any(f.known_by == knower for f in part.files))
        if parts:
            yield f"{knower} ({', '.join(parts)})"


def show_built(built: Built, seconds: float, console: Console) -> None:
    for name, value in _lines(built, seconds):
        console.say(f"{name:{_WIDTH}}{value}")


def _lines(built: Built, seconds: float) -> Iterator[tuple[str, str]]:
    index = built.sealed.index
    yield "bundle", f"{built.folder}  ({index.name} {index.version}, sequence {index.sequence})"
    yield "size", f"{in_units(built.size)} in {_files(len(index.files))}"
    for kind, files in _by_kind(index.files):
        yield f"  {kind}", f"{in_units(_size(files))} in {_files(len(files))}"
    yield "from the cache", in_units(built.cached)
    yield "of this machine", in_units(built.local)
    yield "fetched", in_units(built.received)
    yield "time", f"{seconds:.1f} s"
    yield "install sha256", built.launcher_sha256
    if built.fingerprint:
        yield "key fingerprint", built.fingerprint
    else:
        yield "not signed yet", f"bundle sign {built.folder} --key KEY"


def _by_kind(files: Iterable[File]) -> list[tuple[str, list[File]]]:
    """The largest first."""
    kinds: dict[str, list[File]] = defaultdict(list)
    for file in files:
        kinds[file.kind].append(file)
    return sorted(kinds.items(), key=lambda kind: (-_size(kind[1]), kind[0]))


def _size(files: Iterable[File]) -> int:
    return sum(file.size for file in files)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
