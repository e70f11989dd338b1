"""Unit files as they should be, and the one way to reload systemd."""

from importlib.resources import files

from installer.node import Node
from installer.node.paths import UNITS

CLUSTER_UNITS = ("vllm-airgap-serve.service", "vllm-airgap-node.service")  # in the order in which they stop
_NOT_THERE = ("", "not-found", "masked", "masked-runtime", "bad")
_NOT_ENDED = ("active", "activating", "deactivating", "reloading")


def unit_path(unit: str) -> str:
    return f"{UNITS}/{unit}"


def wanted_link(unit: str) -> str:
    """What `systemctl enable` makes of a unit that is WantedBy=multi-user.target."""
    return f"{UNITS}/multi-user.target.wants/{unit}"


def unit_text(unit: str) -> bytes:
    return files("installer.units").joinpath(unit).read_bytes()


def differing_units(node: Node, units: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for unit in units if node.read(unit_path(unit)) != unit_text(unit))


def disabled_units(node: Node, units: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for unit in units if node.ask("systemctl", "is-enabled", unit).stdout.strip() != "enabled")


def is_disabled(node: Node, unit: str) -> bool:
    """Neither one that cannot be enabled (static: something else starts it) nor one that was masked is."""
    return node.ask("systemctl", "is-enabled", unit).stdout.strip() == "disabled"


def is_there(node: Node, unit: str) -> bool:
    """The unit may be started. Of one that is absent `is-enabled` prints nothing, or in newer versions not-found."""
    return node.ask("systemctl", "is-enabled", unit).stdout.strip() not in _NOT_THERE


def is_active(node: Node, unit: str) -> bool:
    return node.ask("systemctl", "is-active", unit).stdout.strip() == "active"


def active_since(node: Node, unit: str) -> float | None:
    """The second of `Node.clock` at which the unit became active, also by a restart; None where it is not active.

    systemd tells it in microseconds of CLOCK_MONOTONIC. NRestarts would say it better, from systemd 235 on.
    """
    shown = node.ask("systemctl", "show", "-p", "ActiveState", "-p", "ActiveEnterTimestampMonotonic", unit).stdout
    fields = dict(line.partition("=")[::2] for line in shown.splitlines())
    if fields.get("ActiveState") != "active":
        return None
    return int(fields["ActiveEnterTimestampMonotonic"]) / 1e6


def units_pending(node: Node, units: tuple[str, ...]) -> str | None:
    if different := differing_units(node, units):
        return f"missing or different: {', '.join(different)}"
    if disabled := disabled_units(node, units):
        return f"not enabled: {', '.join(disabled)}"
    if any("yes" in node.ask("systemctl", "show", "-p", "NeedDaemonReload", unit).stdout for unit in units):
        return "systemd has not read the unit files yet"
    return None


def place_units(node: Node, units: tuple[str, ...]) -> None:
    """All files, one reload, enable.

    `enable` reloads too, and a reload takes the GPUs from running containers where docker uses the systemd
    cgroup driver (nvidia-container-toolkit#48), so the cluster is stopped before it; a later step starts it.
    """
    stop_cluster(node)
    for unit in differing_units(node, units):
        node.place(unit_path(unit), unit_text(unit))
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "enable", *units)


def run_from_boot_on(node: Node, unit: str) -> None:
    """Enable, where that can be, and start. Without the cluster, as in `place_units`."""
    if is_disabled(node, unit):
        stop_cluster(node)
        node.run("systemctl", "enable", unit)
    if not is_active(node, unit):
        node.run("systemctl", "start", unit)


def forget_starts(node: Node, unit: str) -> None:
    """Docker's packages allow three starts a minute (StartLimitBurst), and a resumed install may need one more."""
    node.ask("systemctl", "reset-failed", unit)


def stop_docker(node: Node) -> None:
    """With the cluster before it, which would otherwise be killed with docker."""
    stop_cluster(node)
    stop_unit(node, "docker.service")


def stop_cluster(node: Node) -> None:
    for unit in CLUSTER_UNITS:
        stop_unit(node, unit)


def stop_unit(node: Node, unit: str) -> None:
    """Until it has ended: it may be about to start again, or be ending since an earlier run asked for it."""
    if is_at_work(node, unit):
        node.run("systemctl", "stop", unit)


def is_at_work(node: Node, unit: str) -> bool:
    """It runs, or waits, or is about to start again."""
    return node.ask("systemctl", "is-active", unit).stdout.strip() in _NOT_ENDED


def remove_unit(node: Node, unit: str) -> None:
    stop_cluster(node)
    node.run("systemctl", "disable", unit)
    node.at(unit_path(unit)).unlink(missing_ok=True)
    node.run("systemctl", "daemon-reload")
