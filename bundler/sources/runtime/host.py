"""runtime.tar.gz made of the Python that runs the build, for `runtime: {source: host}`."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.lock import LockedFile
from bundler.progress import Tell
from bundler.sources.runtime.interpreter import interpreter_files, version
from bundler.sources.runtime.libraries import needed_libraries
from bundler.sources.runtime.packing import NEEDED, finish, pack, place, prove, run_staged
from bundler.sources.runtime.program import program_files
from bundler.sources.runtime.records import packed_once
from bundler.sources.runtime.stage import room_to_pack, staged
from bundler.space import demand_room
from installer.index.document import RUNTIME_NAME


def pack_host(cache: Cache, tell: Tell) -> LockedFile:
    """The same Python and packages always give the same bytes. That it takes a while is told."""
    files = host_files()
    packed = packed_once(files, version(), cache, lambda: _pack(files, cache, tell))
    return LockedFile(
        path=RUNTIME_NAME,
        kind="runtime",
        size=packed.size,
        sha256=packed.sha256,
        source=f"Python {version()} of the machine that built the bundle",
        known_by="build",
    )


def _pack(files: Mapping[str, Path], cache: Cache, tell: Tell) -> Stored:
    demand_room(room_to_pack(cache))
    tell(f"runtime: packing Python {version()} of this machine")
    with staged(Path(tempfile.gettempdir())) as stage:
        place(files, stage)
        finish(stage)
        _compile(stage)
        prove(stage)
        return pack(stage, cache)


def host_files() -> dict[str, Path]:
    """All but what this build writes itself, by its place in runtime.tar.gz."""
    files = interpreter_files() | program_files()
    return files | {f"{NEEDED}/{name}": path for name, path in needed_libraries(files).items()}


def _compile(stage: Path) -> None:
    """Ahead, since a node's interpreter writes no bytecode. Neither times nor this machine's paths get into it."""
    run_staged(
        stage,
        "-S",
        "-m",
        "compileall",
        "-q",
        "-f",
        "-s",
        str(stage),
        "--invalidation-mode",
        "unchecked-hash",
        str(stage),
    )
