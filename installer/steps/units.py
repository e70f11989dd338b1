"""Unit files: in place, read by systemd, enabled."""

from dataclasses import dataclass

from installer.node import Node
from installer.systemd import place_units, unit_path, units_pending


@dataclass(frozen=True)
class PlaceUnits:
    """``units`` are names of the fixed texts in installer/units."""

    what: str
    units: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"units of {self.what}"

    @property
    def replaces(self) -> tuple[str, ...]:
        return tuple(unit_path(unit) for unit in self.units)

    def pending(self, node: Node) -> str | None:
        return units_pending(node, self.units)

    def apply(self, node: Node) -> None:
        place_units(node, self.units)
