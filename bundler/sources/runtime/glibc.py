"""Which glibc the packed Python asks of the nodes: that of its ELF files, read one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bundler.elf import Elf, is_elf, numbers, read_elf
from bundler.manifest import Manifest
from bundler.sources.runtime.host import host_files
from installer.errors import RefusedError
from installer.index.document import Target


@dataclass(frozen=True)
class Demand:
    """The file that needs the newest glibc, and which that is."""

    file: str
    glibc: str


def elf_files(files: Mapping[str, Path]) -> dict[str, Elf]:
    """Those of ``files`` that are ELF."""
    found = {}
    for name, path in files.items():
        if is_elf(path):
            with path.open("rb") as file:
                found[name] = read_elf(file, name)
    return found


def demand_of(elves: Mapping[str, Elf]) -> Demand | None:
    """None where no file needs any glibc."""
    demands = [Demand(name, elf.glibc) for name, elf in sorted(elves.items()) if elf.glibc]
    return max(demands, key=lambda demand: numbers(demand.glibc), default=None)


def refuse_newer_glibc(elves: Mapping[str, Elf], target: Target) -> None:
    demand = demand_of(elves)
    if demand is not None and _is_newer(demand, target):
        raise RefusedError(
            f"runtime: {demand.file} needs glibc {demand.glibc}, and target.glibc is {target.glibc}",
            hint=f'set `glibc: "{demand.glibc}"` in `target` if all nodes have that, or take another Python',
        )


def target_of(manifest: Manifest) -> Target:
    """The nodes that the bundle of ``manifest`` is for, which need as much as its Python needs."""
    return with_host_glibc(manifest.target) if manifest.runtime.source == "host" else manifest.target


def with_host_glibc(target: Target) -> Target:
    """``target`` as it really is once the Python of this machine goes along."""
    demand = host_demand()
    return replace(target, glibc=demand.glibc) if demand and _is_newer(demand, target) else target


@cache
def host_demand() -> Demand | None:
    """Of the Python that runs this, which does not change while it runs."""
    return demand_of(elf_files(host_files()))


def _is_newer(demand: Demand, target: Target) -> bool:
    return numbers(demand.glibc) > numbers(target.glibc)
