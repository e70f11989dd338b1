"""Container engines and NVIDIA's container toolkit: what is there, since when, and from where."""

from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class Program:
    """``owner`` is the package it belongs to, or "" where it was placed by hand or by us."""

    path: str
    version: str
    owner: str


@dataclass(frozen=True)
class Container:
    """A container that docker knows, running or not. ``label`` is our label on it, "" on a stranger's."""

    name: str
    image: str
    state: str  # running, exited, created ...
    label: str


@dataclass(frozen=True)
class DockerFacts:
    """``error`` is why docker's daemon does not answer; then what only it knows is empty."""

    dockerd: Program | None
    containerd: Program | None
    toolkit: Program | None  # nvidia-ctk
    error: str
    server: str  # version of the running daemon
    root: str  # DockerRootDir
    driver: str  # storage driver
    cgroup_driver: str  # systemd or cgroupfs
    runtimes: tuple[str, ...]
    containers: tuple[Container, ...]
    kubelet: bool  # runs on this node


def gather_docker(sight: Sight) -> DockerFacts:
    raise NotImplementedError
