"""Who has the GPUs open: strangers are named, and never killed."""

import re
from dataclasses import dataclass

from installer.container import CONTAINER
from installer.node import Node
from installer.node.open_files import Process

_DEVICES = "/dev/nvidia"
_UNIT = re.compile(r"/([^/\s]+\.service)")
_CONTAINER = re.compile(r"(?:/docker/|/docker-)([0-9a-f]{64})")


@dataclass(frozen=True)
class Holder:
    """A process that has a GPU open, with the container or else the unit that it is a part of, or neither."""

    process: Process
    container: str
    unit: str

    def __str__(self) -> str:
        part_of = f"container {self.container}" if self.container else self.unit
        return f"{self.process.name} ({', '.join(filter(None, (str(self.process.pid), part_of)))})"


def strangers(node: Node, ours: tuple[str, ...]) -> tuple[Holder, ...]:
    """Those that belong neither to our container nor to the units ``ours``, which an install stops by itself."""
    holders = (_holder(node, process) for process in node.with_open(_DEVICES))
    return tuple(holder for holder in holders if holder.container != CONTAINER and holder.unit not in ours)


def container_id(cgroup: str) -> str:
    """Of docker, by either cgroup driver: `/docker/ID`, or `/system.slice/docker-ID.scope`."""
    found = _CONTAINER.search(cgroup)
    return found[1] if found else ""


def unit_name(cgroup: str) -> str:
    """The innermost service: `/user.slice/user-0.slice/user@0.service/...` is of the user's own one."""
    found = _UNIT.findall(cgroup)
    return str(found[-1]) if found else ""


def _holder(node: Node, process: Process) -> Holder:
    container = container_id(process.cgroup)
    return Holder(process, _name(node, container) if container else "", unit_name(process.cgroup))


def _name(node: Node, container: str) -> str:
    said = node.ask("docker", "container", "inspect", "--format", "{{.Name}}", container, timeout=10)
    return said.stdout.strip().removeprefix("/") if said.succeeded else container[:12]
