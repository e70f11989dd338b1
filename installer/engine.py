"""Which docker this node will use, the bundle's or one that was there before, and whether it answers.

And what is in its way: a containerd that is there for something else.
"""

import re
from dataclasses import dataclass

from installer.node import Node
from installer.node.paths import BINARIES, UNITS
from installer.systemd import unit_text

LEAST = (20, 10, 10)  # older ones lack clone3 in their seccomp profile: threads of newer images fail (containerd#6203)
_UNIT_FOLDERS = (UNITS, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
CONTAINERD_UNIT, DOCKER_UNIT = "containerd.service", "docker.service"


@dataclass(frozen=True)
class Engine:
    """A docker of the node's own, which is reused and never overlaid."""

    dockerd: str
    version: tuple[int, ...]

    @property
    def is_usable(self) -> bool:
        return self.version >= LEAST


def present_engine(node: Node) -> Engine | None:
    """The docker that came from elsewhere; None where there is none, or only one in /usr/local/bin as ours."""
    dockerd = node.finds("dockerd")
    if dockerd is None or dockerd == f"{BINARIES}/dockerd":
        return None
    return Engine(dockerd, read_docker_version(node.ask(dockerd, "--version").stdout))


def unused_containerd(node: Node) -> str | None:
    """Where a containerd is that works for no docker but for others: Kubernetes, nerdctl. The bundle's would stop it.

    They, too, put it in /usr/local/bin, and then only its unit tells it from one that a killed install left.
    """
    containerd, dockerd = node.finds("containerd"), node.finds("dockerd")
    if dockerd not in (None, f"{BINARIES}/dockerd"):
        return None
    if containerd not in (None, f"{BINARIES}/containerd"):
        return containerd
    if dockerd is not None:
        return None
    units = (f"{folder}/{CONTAINERD_UNIT}" for folder in _UNIT_FOLDERS)
    return next((unit for unit in units if node.read(unit) not in (None, unit_text(CONTAINERD_UNIT))), None)


def docker_silence(node: Node) -> str | None:
    """Why nobody can tell what docker has, or None where it answers."""
    answer = node.ask("docker", "version", "--format", "{{.Server.Version}}")
    return None if answer.succeeded else f"docker does not answer: {answer.stderr.strip()[-200:]}"


def read_docker_version(output: str) -> tuple[int, ...]:
    """Of `dockerd --version`: "Docker version 20.10.24+dfsg1, build 5d6db84"."""
    match = re.search(r"version (\d+)\.(\d+)\.(\d+)", output)
    return tuple(int(part) for part in match.groups()) if match else (0, 0, 0)
