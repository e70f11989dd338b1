"""NVIDIA's own services, which hold the GPUs: stopped for another driver, and remembered until they run again."""

from installer.node import Node
from installer.node.paths import STATE
from installer.systemd import is_active, stop_unit

PERSISTENCED, FABRIC_MANAGER = "nvidia-persistenced.service", "nvidia-fabricmanager.service"
SERVICES = ("nvidia-dcgm.service", "dcgm.service", FABRIC_MANAGER, PERSISTENCED)  # in the order in which they stop
_STOPPED = f"{STATE}/stopped-services"


def stop_services(node: Node) -> None:
    """What is stopped is on disk before that: nothing else could tell a killed run's successor."""
    before = stopped_services(node)
    now = tuple(unit for unit in SERVICES if unit in before or is_active(node, unit))
    if now != before:
        _remember(node, now)
    for unit in now:
        stop_unit(node, unit)


def stopped_services(node: Node) -> tuple[str, ...]:
    return tuple((node.read(_STOPPED) or b"").decode().split())


def forget_stopped(node: Node, *units: str) -> None:
    """They run again, or never will."""
    rest = tuple(unit for unit in stopped_services(node) if unit not in units)
    if rest:
        _remember(node, rest)
    else:
        node.at(_STOPPED).unlink(missing_ok=True)


def _remember(node: Node, units: tuple[str, ...]) -> None:
    node.place(_STOPPED, "".join(f"{unit}\n" for unit in units).encode())
