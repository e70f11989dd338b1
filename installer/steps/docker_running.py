"""containerd and docker, started and answering."""

from dataclasses import dataclass

from installer.engine import docker_silence
from installer.node import Node
from installer.systemd import forget_starts, is_active


@dataclass(frozen=True)
class StartDocker:
    """``units`` start in this order; a node's own docker may have no containerd unit."""

    units: tuple[str, ...]
    replaces: tuple[str, ...] = ()
    title: str = "docker answers"

    def pending(self, node: Node) -> str | None:
        for unit in self.units:
            if not is_active(node, unit):
                return f"{unit} is not active"
        return docker_silence(node)

    def apply(self, node: Node) -> None:
        for unit in self.units:
            forget_starts(node, unit)
            node.run("systemctl", "start", unit)
