"""site.json: what the person on site typed, so that a later run needs no options."""

from dataclasses import dataclass

from installer.node import Node
from installer.settings import SITE_JSON, Site


@dataclass(frozen=True)
class RememberSite:
    site: Site
    replaces: tuple[str, ...] = ()
    title: str = "site.json"

    def pending(self, node: Node) -> str | None:
        found = node.read(SITE_JSON)
        if found == self.site.render():
            return None
        return "missing" if found is None else "it differs"

    def apply(self, node: Node) -> None:
        node.place(SITE_JSON, self.site.render(), 0o600)
