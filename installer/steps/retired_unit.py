"""A unit that this node no longer needs: a head that became a worker must not serve after its next boot."""

from dataclasses import dataclass

from installer.node import Node
from installer.systemd import remove_unit, unit_path


@dataclass(frozen=True)
class RetireUnit:
    unit: str
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"no {self.unit}"

    def pending(self, node: Node) -> str | None:
        return "left from another role" if node.at(unit_path(self.unit)).exists() else None

    def apply(self, node: Node) -> None:
        remove_unit(node, self.unit)
