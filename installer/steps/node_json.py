"""node.json, which the runner reads, and site.json, which a later install reads."""

from dataclasses import dataclass

from installer.node import Node
from installer.settings import NODE_JSON, SITE_JSON, NodeConfig, Site


@dataclass(frozen=True)
class WriteNodeJson:
    config: NodeConfig
    site: Site
    replaces: tuple[str, ...] = ()
    title: str = "node.json"

    def pending(self, node: Node) -> str | None:
        for path, data in self._wanted().items():
            if (found := node.read(path)) != data:
                return f"{path} is missing" if found is None else f"{path} differs"
        return None

    def apply(self, node: Node) -> None:
        for path, data in self._wanted().items():
            node.place(path, data, 0o600)

    def _wanted(self) -> dict[str, bytes]:
        return {SITE_JSON: self.site.render(), NODE_JSON: self.config.render()}
