"""Runs a program and says what it took: seconds, and memory of its largest process."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from testbed.commands import CommandError

_URGENT, _USUAL = -15, 0  # nice
_SESSION = Path("/proc/self/autogroup")


@dataclass(frozen=True)
class Taken:
    """By one run. The memory is that of the largest process among the program and its descendants."""

    seconds: float
    rss_mib: float
    said: str


@dataclass(frozen=True)
class Duel:
    """Our runs and theirs."""

    ours: tuple[Taken, ...]
    theirs: tuple[Taken, ...]

    @property
    def times_faster(self) -> float:
        return median(_seconds(self.theirs)) / median(_seconds(self.ours))

    def seconds(self, ours: str, theirs: str) -> dict[str, list[float]]:
        return {ours: _seconds(self.ours), theirs: _seconds(self.theirs)}


def take(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Taken:
    """CommandError if it fails. What ``env`` names is added to ours."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        # The kernel counts what this process had before it became the program: the bench itself must stay small.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode != 0:
        raise CommandError(command, f"{text}\nexit status {process.returncode}")
    return Taken(round(seconds, 2), round(usage.ru_maxrss / 1024, 1), text)


def duel(ours: Callable[[], Taken], theirs: Callable[[], Taken], rounds: int) -> Duel:
    """In turns, and ours, the shorter ones, on both sides of theirs: whatever else the machine does meets both."""
    us, them = [], []
    with _urgently():
        for _ in range(rounds):
            us.append(_calmly(ours))
            them.append(_calmly(theirs))
            us.append(_calmly(ours))
    return Duel(tuple(us), tuple(them))


@contextmanager
def _urgently() -> Iterator[None]:
    """Before all else on this machine: a program on every core would pay for others' work, and one on one core not."""
    _weigh(_URGENT)
    try:
        yield
    finally:
        _weigh(_USUAL)


def _weigh(nice: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    if _SESSION.exists():  # the kernel weighs sessions first, then the processes in each
        _SESSION.write_text(str(nice))


def _calmly(run: Callable[[], Taken]) -> Taken:
    """Not while the disk still writes what the run before left to it."""
    os.sync()
    return run()


def warm(folder: Path) -> None:
    """Into the page cache."""
    buffer = bytearray(1 << 20)
    for path in (folder, *folder.rglob("*")):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def _seconds(runs: tuple[Taken, ...]) -> list[float]:
    return [run.seconds for run in runs]
