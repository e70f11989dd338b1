"""Whether there is room for what is to come, on every file system that it goes to."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.sizes import in_units
from installer.errors import EnvironmentProblemError

_SPARE = 64 << 20  # bytes for lists, folders and the file system's own use


def _none() -> str:
    return ""


@dataclass(frozen=True)
class Need:
    """``size`` bytes more, to be written below ``folder``, which may be still to make.

    ``way_out`` says what a person may type who lacks room there, "" if nothing.
    """

    folder: Path
    size: int
    what: str
    way_out: Callable[[], str] = _none


@dataclass(frozen=True)
class Room:
    """A mounted file system: its device number, and the bytes that we may still write."""

    device: int
    free: int


@dataclass(frozen=True)
class Shortage:
    """A file system that is too small for ``needs``, of which some may want nothing more and still give up some."""

    needs: tuple[Need, ...]
    free: int  # bytes

    @property
    def words(self) -> str:
        larger = [need for need in self.needs if need.size > 0]
        parts = " and ".join(f"{in_units(need.size)} of {need.what} in {need.folder}" for need in larger)
        missing = sum(need.size for need in larger) + _SPARE - self.free
        return (
            f"no room for {parts}: {in_units(self.free)} are free there, of which {in_units(_SPARE)} stay free, "
            f"{in_units(missing)} too little"
        )


def demand_room(needs: Iterable[Need]) -> None:
    """EnvironmentProblemError with the numbers of every file system that is too small."""
    found = tuple(shortages(needs, _room))
    if found:
        ways = dict.fromkeys(way for shortage in found for need in shortage.needs if (way := need.way_out()))
        raise EnvironmentProblemError("; ".join(shortage.words for shortage in found), hint="; ".join(ways))


def shortages(needs: Iterable[Need], room: Callable[[Path], Room]) -> Iterator[Shortage]:
    """Of every file system that has less than all of ``needs`` there take together."""
    rooms: dict[int, Room] = {}
    wanted: Mapping[int, list[Need]] = defaultdict(list)
    for need in needs:
        found = room(need.folder)
        rooms[found.device] = found
        wanted[found.device].append(need)
    for device, there in wanted.items():
        total, free = sum(need.size for need in there if need.size > 0), rooms[device].free
        if total and total + _SPARE > free:
            yield Shortage(tuple(there), free)


def standing(folder: Path) -> Path:
    """It, or the next folder above that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _room(folder: Path) -> Room:
    there = standing(folder)
    found = os.statvfs(there)
    return Room(there.stat().st_dev, found.f_bavail * found.f_frsize)
