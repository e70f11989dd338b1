"""A control group of its own for each node, in every hierarchy.

Two nodes' systemd would else share one, and each would kill the other's processes as its own leftovers.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.commands import TestbedError

KILL_SECONDS = 30
ENTER = Path(__file__).with_name("in_cgroup.py")


def hierarchies() -> tuple[Path, ...]:
    """Mount points, of version 1 and 2 alike."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return tuple(Path(fields[1]) for fields in mounts if fields[2] in {"cgroup", "cgroup2"})


@dataclass(frozen=True)
class ControlGroup:
    name: str

    def folders(self) -> tuple[Path, ...]:
        return tuple(hierarchy / self.name for hierarchy in hierarchies())

    def create(self) -> None:
        for folder in self.folders():
            folder.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, and then nothing may enter
                if (folder.parent / setting).exists():
                    (folder / setting).write_text((folder.parent / setting).read_text())

    def entering(self, *command: str) -> tuple[str, ...]:
        """``command``, run inside."""
        return (sys.executable, "-I", str(ENTER), *map(str, self.folders()), "--", *command)

    def processes(self) -> set[int]:
        return {pid for folder in self._tree() for pid in processes_in(folder)}

    def remove(self) -> None:
        """Kills what is inside, then removes the groups, also those that a node made below."""
        deadline = time.monotonic() + KILL_SECONDS
        while alive := self.processes():
            if time.monotonic() > deadline:
                raise TestbedError(f"processes {sorted(alive)} of {self.name} outlive SIGKILL")
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for folder in self._tree():
            remove_empty(folder)

    def _tree(self) -> Iterator[Path]:
        """Deepest first."""
        for top in self.folders():
            for folder, _, _ in os.walk(top, topdown=False):
                yield Path(folder)


def processes_in(folder: Path) -> Iterator[int]:
    """A process that is just ending has the number 0 or none; a group may go while we look."""
    with contextlib.suppress(FileNotFoundError, OSError):
        for word in (folder / "cgroup.procs").read_text().split():
            if word != "0":
                yield int(word)


def remove_empty(folder: Path) -> None:
    """The kernel says busy for a moment after the last process of a group has gone."""
    deadline = time.monotonic() + KILL_SECONDS
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
