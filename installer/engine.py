"""Which docker this node will use, the bundle's or one that was there before, and whether it answers.

And what is in its way: a containerd that is there for something else.
"""

from installer.node import Node
from installer.node.paths import BINARIES, UNITS
from installer.systemd import unit_text

_UNIT_FOLDERS = (UNITS, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
CONTAINERD_UNIT, DOCKER_UNIT = "containerd.service", "docker.service"


def own_dockerd(node: Node) -> str | None:
    """Where a docker is that came from elsewhere, which is reused and never overlaid.

    None where there is none, or only one in /usr/local/bin as ours.
    """
    dockerd = node.finds("dockerd")
    return None if dockerd == f"{BINARIES}/dockerd" else dockerd


def unused_containerd(node: Node) -> str | None:
    """Where a containerd is that works for no docker but for others: Kubernetes, nerdctl. The bundle's would stop it.

    They, too, put it in /usr/local/bin, and then only its unit tells it from one that a killed install left.
    """
    if own_dockerd(node) is not None:
        return None
    containerd = node.finds("containerd")
    if containerd not in (None, f"{BINARIES}/containerd"):
        return containerd
    if node.finds("dockerd") is not None:
        return None
    units = (f"{folder}/{CONTAINERD_UNIT}" for folder in _UNIT_FOLDERS)
    return next((unit for unit in units if node.read(unit) not in (None, unit_text(CONTAINERD_UNIT))), None)


def docker_silence(node: Node) -> str | None:
    """Why nobody can tell what docker has, or None where it answers."""
    answer = node.ask("docker", "version", "--format", "{{.Server.Version}}")
    return None if answer.succeeded else f"docker does not answer: {answer.stderr.strip()[-200:]}"
