"""NVIDIA's services that were stopped for another driver run again; Fabric Manager has a step of its own."""

from dataclasses import dataclass

from installer.driver.services import FABRIC_MANAGER, forget_stopped, stopped_services
from installer.errors import ToleratedError
from installer.node import Node
from installer.systemd import is_active

_SLOWEST = 300  # seconds; nvidia-persistenced wakes one GPU after the other


@dataclass(frozen=True)
class RestartServices:
    """The cluster needs none of them: one that does not start is told, once, and not tried again."""

    replaces: tuple[str, ...] = ()
    title: str = "NVIDIA's services"

    def pending(self, node: Node) -> str | None:
        stopped = _stopped(node)
        return f"stopped for the driver: {', '.join(stopped)}" if stopped else None

    def apply(self, node: Node) -> None:
        stopped = _stopped(node)
        problems = {unit: problem for unit in reversed(stopped) if (problem := _start(node, unit))}
        forget_stopped(node, *stopped)
        if problems:
            told = " | ".join(f"{unit} does not start again: {problem}" for unit, problem in problems.items())
            raise ToleratedError(told, hint="; ".join(f"journalctl -u {unit}" for unit in problems))


def _stopped(node: Node) -> tuple[str, ...]:
    return tuple(unit for unit in stopped_services(node) if unit != FABRIC_MANAGER)


def _start(node: Node, unit: str) -> str | None:
    if is_active(node, unit):
        return None
    output = node.ask("systemctl", "start", unit, timeout=_SLOWEST)
    return None if output.succeeded else output.last_lines
