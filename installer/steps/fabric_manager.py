"""Fabric Manager: without it, and in exactly the driver's version, GPUs behind NVSwitches run no CUDA program."""

from dataclasses import dataclass

from installer.driver.look import look_at_driver
from installer.driver.services import FABRIC_MANAGER
from installer.errors import RefusedError
from installer.facts.driver import DriverFacts
from installer.node import Node
from installer.systemd import is_active, is_disabled, run_from_boot_on


@dataclass(frozen=True)
class StartFabricManager:
    """On a node with NVSwitches it runs, in the version of the driver that is loaded, also after each boot."""

    replaces: tuple[str, ...] = ()
    title: str = "Fabric Manager"

    def pending(self, node: Node) -> str | None:
        driver, gpus = look_at_driver(node)
        if not gpus.nvswitches:
            return None
        if misfit := _misfit(driver):
            return misfit
        if is_disabled(node, FABRIC_MANAGER):
            return f"{FABRIC_MANAGER} is not enabled"
        return None if is_active(node, FABRIC_MANAGER) else f"{FABRIC_MANAGER} is not active"

    def apply(self, node: Node) -> None:
        driver, _ = look_at_driver(node)
        if misfit := _misfit(driver):
            raise RefusedError(
                f"this node has NVSwitches, and {misfit}",
                hint=f"build the bundle with nvidia-fabric-manager {driver.loaded} (deb: nvidia-fabricmanager-"
                f"{driver.loaded.partition('.')[0]}) among its `packages`, or install it here",
            )
        run_from_boot_on(node, FABRIC_MANAGER)


def _misfit(driver: DriverFacts) -> str | None:
    if not driver.fabric_manager:
        return "there is no Fabric Manager"
    if driver.fabric_manager != driver.loaded:
        return f"Fabric Manager {driver.fabric_manager} is not of driver {driver.loaded or '(none loaded)'}"
    return None
