"""docker knows the nvidia runtime, and has restarted since its hook was installed."""

import json
from dataclasses import dataclass

from installer.engine import DOCKER_UNIT
from installer.node import Node
from installer.node.paths import DAEMON_JSON
from installer.systemd import forget_starts, stop_cluster


@dataclass(frozen=True)
class ConfigureNvidiaRuntime:
    replaces: tuple[str, ...] = (DAEMON_JSON,)
    title: str = "docker runtime nvidia"

    def pending(self, node: Node) -> str | None:
        answer = node.ask("docker", "info", "--format", "{{json .Runtimes}}")
        if not answer.succeeded:
            return "docker does not answer"
        return None if "nvidia" in json.loads(answer.stdout) else "docker info does not list it"

    def apply(self, node: Node) -> None:
        node.run("nvidia-ctk", "runtime", "configure", "--runtime=docker")
        stop_cluster(node)
        forget_starts(node, DOCKER_UNIT)
        node.run("systemctl", "restart", DOCKER_UNIT)
