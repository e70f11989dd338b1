"""node.json, which the runner reads."""

from dataclasses import dataclass

from installer.node import Node
from installer.settings import NODE_JSON, NodeConfig
from installer.systemd import stop_cluster


@dataclass(frozen=True)
class WriteNodeJson:
    config: NodeConfig
    replaces: tuple[str, ...] = ()
    title: str = "node.json"

    def pending(self, node: Node) -> str | None:
        found = node.read(NODE_JSON)
        if found == self.config.render():
            return None
        return "missing" if found is None else "it differs"

    def apply(self, node: Node) -> None:
        # A unit that waits for its peers read the file long ago, and would wait for those of then.
        stop_cluster(node)
        node.place(NODE_JSON, self.config.render(), 0o600)
