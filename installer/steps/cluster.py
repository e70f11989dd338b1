"""The cluster container and, on the head, the server: started with the settings of now."""

import hashlib
from dataclasses import dataclass

from installer.container import CONFIG_LABEL, CONTAINER
from installer.node import Node
from installer.settings import NodeConfig
from installer.systemd import is_active

NODE_UNIT = "vllm-airgap-node.service"
SERVE_UNIT = "vllm-airgap-serve.service"
_LABEL_OF = f'{{{{index .Config.Labels "{CONFIG_LABEL}"}}}}'


@dataclass(frozen=True)
class StartNode:
    """The node unit is active, and its container, once there is one, was started from this node.json."""

    config: NodeConfig
    replaces: tuple[str, ...] = ()
    title: str = "cluster node"

    def pending(self, node: Node) -> str | None:
        if not is_active(node, NODE_UNIT):
            return f"{NODE_UNIT} is not active"
        label = node.ask("docker", "container", "inspect", "--format", _LABEL_OF, CONTAINER)
        if label.succeeded and label.stdout.strip() != hashlib.sha256(self.config.render()).hexdigest():
            return "it runs with other settings"
        return None

    def apply(self, node: Node) -> None:
        node.run("systemctl", "restart", NODE_UNIT)


@dataclass(frozen=True)
class StartServe:
    """The serve unit is active; it waits for the cluster's GPUs by itself."""

    replaces: tuple[str, ...] = ()
    title: str = "server"

    def pending(self, node: Node) -> str | None:
        return None if is_active(node, SERVE_UNIT) else f"{SERVE_UNIT} is not active"

    def apply(self, node: Node) -> None:
        node.run("systemctl", "restart", SERVE_UNIT)
