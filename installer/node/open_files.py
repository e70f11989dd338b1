"""Which processes have a file open, and as whose part they run."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """``cgroup`` is the text of /proc/PID/cgroup, which names its unit or container."""

    pid: int
    name: str
    cgroup: str


def processes_with_open(proc: Path, prefix: str) -> Iterator[Process]:
    """Those that have a file open whose path begins with ``prefix``; also those of containers, by the path inside.

    A process that ends while we look has nothing open.
    """
    for folder in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):
            if any(str(link.readlink()).startswith(prefix) for link in (folder / "fd").iterdir()):
                yield Process(int(folder.name), _text(folder / "comm"), _text(folder / "cgroup"))


def _text(path: Path) -> str:
    return path.read_text(errors="replace").strip()
