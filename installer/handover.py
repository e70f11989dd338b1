"""`vllm-airgap install BUNDLE` with a newer bundle: its own program, from checked bytes, does the work."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from installer.errors import EnvironmentProblemError
from installer.index.document import RUNTIME_NAME, File
from installer.node.paths import TEMPORARY
from installer.node.processes import run_here, run_in_our_place
from installer.node.temporary import TemporaryFolder, make_temporary_folder, remove_left_in
from installer.trust.contents import hash_chunk
from installer.trust.medium import open_file
from installer.trust.opened import Bundle
from installer.unpack import unpack_runtime

RUNTIME_VARIABLE = "VLLM_AIRGAP_RUNTIME"  # the launcher's and our name for the copy of runtime.tar.gz in use
HANDOVER_VARIABLE = "VLLM_AIRGAP_HANDOVER"  # set where the installed program, not the launcher, started this one


def hand_over(bundle: Bundle, arguments: list[str], check: Callable[[], None]) -> int:
    """Run this very command by the bundle's program; its exit code. ``check`` raises if a signal came before that."""
    runtime = bundle.index.only("runtime")
    with _unpacked(bundle, runtime) as temporary:
        folder = temporary.path
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(folder / "unpacked/python/lib/needed"),
            RUNTIME_VARIABLE: str(folder / RUNTIME_NAME),
            HANDOVER_VARIABLE: "1",
        }
        python = folder / "unpacked/python/bin/python3"
        command = (str(python), "-I", "-B", str(folder / "unpacked/program"), *arguments)
        check()
        return run_in_our_place(command, environment, keeping=(temporary.lock,))


@contextmanager
def _unpacked(bundle: Bundle, runtime: File) -> Iterator[TemporaryFolder]:
    for place in _places():
        if temporary := _unpack_in(place, bundle, runtime):
            try:
                yield temporary
            finally:
                temporary.remove()
            return
    raise EnvironmentProblemError(
        "no temporary folder has room for 200 MB and lets programs run", hint="set TMPDIR to one that does"
    )


def _places() -> tuple[str, ...]:
    return (tempfile.gettempdir(), *TEMPORARY)


def _unpack_in(place: str, bundle: Bundle, runtime: File) -> TemporaryFolder | None:
    """A folder in ``place`` from which the program runs, or None where there cannot be one."""
    with ExitStack() as undo:
        try:
            temporary = make_temporary_folder(place)
            undo.callback(temporary.remove)
            folder = temporary.path
            _copy_runtime(bundle, runtime, folder / RUNTIME_NAME)
            with (folder / RUNTIME_NAME).open("rb") as copy:
                unpack_runtime(copy, folder / "unpacked")
        except OSError:
            return None
        if not _runs(folder):
            return None
        undo.pop_all()
        return temporary


def _copy_runtime(bundle: Bundle, runtime: File, target: Path) -> None:
    with open_file(bundle.folder, runtime.path) as source, target.open("xb") as copy:

        def write(piece: memoryview, _offset: int) -> None:
            copy.write(piece)

        for number in range(len(runtime.chunks)):
            hash_chunk(source, runtime, number, lambda _: None, also=write)


def _runs(folder: Path) -> bool:
    command = (str(folder / "unpacked/python/bin/python3"), "-I", "-B", "-c", "")
    environment = {"LD_LIBRARY_PATH": str(folder / "unpacked/python/lib/needed")}
    try:
        return run_here(command, environment) == 0
    except OSError:
        return False


def remove_left_by_killed_runs() -> None:
    """For one that was killed after its program was pinned, no other hand-over may ever come."""
    for place in _places():
        remove_left_in(place)


def is_ours(own_digest: str | None, bundle: Bundle) -> bool:
    return own_digest == bundle.index.only("runtime").sha256
