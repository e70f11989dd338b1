"""NVIDIA's services that were stopped for another driver: they run again."""

from dataclasses import dataclass

from installer.driver.services import forget_stopped_services, stopped_services
from installer.errors import StepError
from installer.node import Node
from installer.systemd import is_active


@dataclass(frozen=True)
class RestartServices:
    replaces: tuple[str, ...] = ()
    title: str = "NVIDIA's services"

    def pending(self, node: Node) -> str | None:
        stopped = stopped_services(node)
        return f"stopped for the driver: {', '.join(stopped)}" if stopped else None

    def apply(self, node: Node) -> None:
        for unit in reversed(stopped_services(node)):
            if not is_active(node, unit):
                output = node.ask("systemctl", "start", unit)
                if not output.succeeded:
                    raise StepError(f"{unit} does not start again: {output.last_lines}", hint=f"journalctl -u {unit}")
        forget_stopped_services(node)
