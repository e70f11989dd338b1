"""Fabric Manager: without it, and in exactly the driver's version, GPUs behind NVSwitches run no CUDA program."""

from dataclasses import dataclass, field

from installer.driver.look import LastLook
from installer.driver.services import FABRIC_MANAGER, forget_stopped, stopped_services
from installer.errors import RefusedError, StepError
from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts
from installer.hardware.fabric import needs_fabric_manager, waits_for_fabric
from installer.node import Node
from installer.systemd import is_active, is_disabled, run_from_boot_on


@dataclass(frozen=True)
class StartFabricManager:
    """Where GPUs need it, it runs in the version of the driver that is loaded, also after each boot.

    One that was stopped for another driver is needed too, whatever the GPUs say now.
    """

    replaces: tuple[str, ...] = ()
    title: str = "Fabric Manager"
    look: LastLook = field(default_factory=LastLook)

    def pending(self, node: Node) -> str | None:
        driver, gpus = self.look.of_same_driver(node)
        was_stopped = FABRIC_MANAGER in stopped_services(node)
        if not was_stopped and not needs_fabric_manager(gpus, driver):
            return None
        if misfit := _misfit(driver):
            return misfit
        if was_stopped:
            return "stopped for the driver"
        if is_disabled(node, FABRIC_MANAGER):
            return f"{FABRIC_MANAGER} is not enabled"
        return None if is_active(node, FABRIC_MANAGER) else f"{FABRIC_MANAGER} is not active"

    def apply(self, node: Node) -> None:
        driver, gpus = self.look.of_same_driver(node)
        if misfit := _misfit(driver):
            raise RefusedError(f"{_who(gpus)}, and {misfit}", hint=_package(driver, gpus))
        try:
            run_from_boot_on(node, FABRIC_MANAGER)
        except StepError as error:
            raise StepError(str(error), hint=f"journalctl -u {FABRIC_MANAGER}") from error
        forget_stopped(node, FABRIC_MANAGER)


def _misfit(driver: DriverFacts) -> str | None:
    if not driver.fabric_manager:
        return "there is no Fabric Manager"
    if driver.fabric_manager != driver.loaded:
        return f"Fabric Manager {driver.fabric_manager} is not of driver {driver.loaded or '(none loaded)'}"
    return None


def _who(gpus: GpuFacts) -> str:
    if gpus.nvswitches:
        return "this node has NVSwitches"
    return "these GPUs wait for their fabric" if waits_for_fabric(gpus) else "it ran here with the driver before"


def _package(driver: DriverFacts, gpus: GpuFacts) -> str:
    """With NVLink 5 it starts NVIDIA's subnet manager beside it (Fabric Manager's guide: NVLSM)."""
    deb = f"nvidia-fabricmanager-{driver.loaded.partition('.')[0]}"
    beside = " and nvlsm" if waits_for_fabric(gpus) and not gpus.nvswitches else ""
    return (
        f"build the bundle with nvidia-fabric-manager {driver.loaded} (deb: {deb}){beside} among its `packages`, "
        "or install it here"
    )
