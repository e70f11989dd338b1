"""Persistence by NVIDIA's own service, where the node has it; elsewhere the node unit turns it on at each start."""

from dataclasses import dataclass

from installer.driver.services import PERSISTENCED
from installer.node import Node
from installer.systemd import is_active, is_disabled, is_there, run_from_boot_on


@dataclass(frozen=True)
class TurnOnPersistence:
    """nvidia-persistenced runs, also after each boot. Where there is none, or an administrator masked it, it holds."""

    replaces: tuple[str, ...] = ()
    title: str = "GPUs stay awake"

    def pending(self, node: Node) -> str | None:
        if not is_there(node, PERSISTENCED):
            return None
        if is_disabled(node, PERSISTENCED):
            return f"{PERSISTENCED} is not enabled"
        return None if is_active(node, PERSISTENCED) else f"{PERSISTENCED} is not active"

    def apply(self, node: Node) -> None:
        run_from_boot_on(node, PERSISTENCED)
