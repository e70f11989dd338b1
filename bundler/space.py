"""Whether there is room for what is to come, on every file system that it goes to."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.sizes import in_units
from installer.errors import EnvironmentProblemError

_SPARE = 64 << 20  # bytes for lists, folders and the file system's own use


@dataclass(frozen=True)
class Need:
    """``size`` bytes more, to be written below ``folder``, which may be still to make."""

    folder: Path
    size: int
    what: str


@dataclass(frozen=True)
class Room:
    """A mounted file system: its device number, and the bytes that we may still write."""

    device: int
    free: int


def demand_room(needs: Iterable[Need]) -> None:
    """EnvironmentProblemError with the numbers of every file system that is too small."""
    problems = tuple(shortages(needs, _room))
    if problems:
        raise EnvironmentProblemError(
            "; ".join(problems),
            hint="`bundle cache prune --older-than 30` frees what no build has used for 30 days; "
            "VLLM_AIRGAP_CACHE=DIR puts the cache elsewhere, -o DIR the bundle",
        )


def shortages(needs: Iterable[Need], room: Callable[[Path], Room]) -> Iterable[str]:
    """One line per file system that has less than all of ``needs`` there take together."""
    rooms: dict[int, Room] = {}
    wanted: Mapping[int, list[Need]] = defaultdict(list)
    for need in needs:
        if need.size > 0:
            found = room(need.folder)
            rooms[found.device] = found
            wanted[found.device].append(need)
    for device, there in wanted.items():
        total, free = sum(need.size for need in there), rooms[device].free
        if total + _SPARE > free:
            parts = " and ".join(f"{in_units(need.size)} of {need.what} in {need.folder}" for need in there)
            yield f"no room for {parts}: {in_units(free)} are free there, {in_units(total + _SPARE - free)} too little"


def standing(folder: Path) -> Path:
    """It, or the next folder above that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _room(folder: Path) -> Room:
    there = standing(folder)
    found = os.statvfs(there)
    return Room(there.stat().st_dev, found.f_bavail * found.f_frsize)
