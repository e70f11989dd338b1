"""Container engines and NVIDIA's container toolkit: what is there, since when, and from where."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from installer.facts.package_owner import owner_of
from installer.facts.seen import active_units, answer, names_in
from installer.sight import Output, Sight

LABEL: Final = "vllm-airgap"  # as installer.container puts it on the container it starts
_SLOW: Final = 10  # seconds
_UNITS: Final = ("docker.service", "docker.socket")
_KUBELETS: Final = tuple(f"{name}.service" for name in "kubelet k3s k3s-agent rke2-server rke2-agent".split())
_SELINUX: Final = "name=selinux"
_SNAP: Final = "/snap/docker/current/bin"
_SLEEPS: Final = "docker.service is not running; whoever asks docker.socket starts it"


@dataclass(frozen=True)
class Program:
    """``owner`` is the package it belongs to, "snap" for one of snapd's, or "" where a person or we placed it."""

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
    """``error`` is why docker's daemon does not answer; then what only it knows is empty.

    It is "" where there is no docker.
    """

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
    selinux: bool  # the daemon confines containers by SELinux (selinux-enabled), where the kernel has it on


def gather_docker(sight: Sight) -> DockerFacts:
    units = active_units(sight, *_UNITS, *_KUBELETS)
    dockerd = _program(sight, "dockerd") or _of_snap(sight, "dockerd")
    info, error = _info(sight, units) if dockerd or sight.finds("docker") else ({}, "")
    return DockerFacts(
        dockerd=dockerd,
        containerd=_program(sight, "containerd"),
        toolkit=_program(sight, "nvidia-ctk"),
        error=error,
        server=_text(info, "ServerVersion"),
        root=_text(info, "DockerRootDir"),
        driver=_text(info, "Driver"),
        cgroup_driver=_text(info, "CgroupDriver"),
        runtimes=_names(info, "Runtimes"),
        containers=_containers(sight) if info else (),
        kubelet=not units.isdisjoint(_KUBELETS),
        selinux=_SELINUX in _strings(info, "SecurityOptions"),
    )


def read_version(text: str) -> str:
    """Of `PROGRAM --version`: `Docker version 20.10.24+dfsg1, build 297e128`, `containerd HOST/PATH v1.6.16 COMMIT`."""
    found = re.search(r"(?<![\w./-])v?(\d+\.\d+[\w.+~-]*)", text)
    return found[1] if found else ""


def read_info(output: Output) -> tuple[Mapping[str, Any], str]:
    """Of `docker info --format {{json .}}`, and why there is none: the client prints its own part then, and
    fails or does not (docker/cli: info.ServerErrors). What podman prints as docker has no ServerVersion.
    """
    info = _object(output.stdout)
    if isinstance(errors := info.get("ServerErrors"), list) and errors:
        return {}, " | ".join(map(str, errors))
    if not output.succeeded or not info:
        return {}, output.last_lines
    return (info, "") if _text(info, "ServerVersion") else ({}, "docker info tells no version of a daemon")


def read_containers(text: str) -> tuple[Container, ...]:
    """Of `docker ps --format {{json .}}`, a container in each line. Before 20.10 it has a Status and no State."""
    found = filter(None, map(_object, text.splitlines()))
    return tuple(
        Container(_text(row, "Names"), _text(row, "Image"), _state(row), _label(_text(row, "Labels"))) for row in found
    )


def _program(sight: Sight, name: str) -> Program | None:
    path = sight.finds(name)
    if path is None:
        return None
    version = read_version(answer(sight, path, "--version", timeout=_SLOW).stdout)
    return Program(path, version, owner_of(sight, path).package)


def _of_snap(sight: Sight, name: str) -> Program | None:
    """Programs of snapd's are not on the PATH of units."""
    if name not in names_in(sight, _SNAP):
        return None
    path = f"{_SNAP}/{name}"
    return Program(path, read_version(answer(sight, path, "--version", timeout=_SLOW).stdout), "snap")


def _info(sight: Sight, units: frozenset[str]) -> tuple[Mapping[str, Any], str]:
    if "docker.socket" in units and "docker.service" not in units:
        return {}, _SLEEPS  # to look must not change anything
    return read_info(answer(sight, "docker", "info", "--format", "{{json .}}", timeout=_SLOW))


def _containers(sight: Sight) -> tuple[Container, ...]:
    listed = answer(sight, "docker", "ps", "--all", "--no-trunc", "--format", "{{json .}}", timeout=_SLOW)
    return read_containers(listed.stdout) if listed.succeeded else ()


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _names(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(sorted(value)) if isinstance(value, dict) else ()


def _strings(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _state(row: Mapping[str, Any]) -> str:
    status = _text(row, "Status").lower()
    return _text(row, "State") or ("running" if status.startswith("up") else status.split(" ")[0])


def _label(labels: str) -> str:
    """Of `name=value,name=value`."""
    found = re.search(rf"(?:^|,){LABEL}=([^,]*)", labels)
    return found[1] if found else ""
