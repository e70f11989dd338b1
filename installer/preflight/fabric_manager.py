"""Whether GPUs behind NVSwitches will have the Fabric Manager of their driver's very version."""

import re
from collections.abc import Iterator

from installer.hardware.fabric import needs_fabric_manager, waits_for_fabric
from installer.preflight.brought import brought, upstream
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.gpu_driver import serving
from installer.preflight.situation import Situation, release_of

_PACKAGE = r"nvidia-fabric-?manager(-\d+)?"  # of rpm nvidia-fabric-manager, of deb nvidia-fabricmanager-550
# Sold on boards with NVSwitches of NVLink 5, which are no PCI devices: B200, B300.
_NVLINK_5 = ("2901", "3182")


def fabric_manager(at: Situation) -> Iterator[Finding]:
    """Without it, or with another version, CUDA says error 802, system not yet initialized."""
    gpus, needed = at.facts.gpus, serving(at)
    found = _version_after_install(at)
    if not needed:
        return
    if not needs_fabric_manager(gpus, at.facts.driver):
        joined = [gpu.device for gpu in gpus.drivable if gpu.device in _NVLINK_5]
        if not gpus.smi and not found and len(joined) > 1:
            yield warning(
                "fabric-manager",
                f"GPUs like 10de:{joined[0]} mostly are behind NVSwitches, and then need the Fabric Manager "
                f"of driver {needed}, which neither this node nor the bundle has",
                f"{_add(at, needed)}; none needed in a virtual machine whose host has it",
            )
    elif found != needed:
        yield problem(
            "fabric-manager",
            f"{_who(at)} need the Fabric Manager of driver {needed}, this node {_has(at, found)}",
            _add(at, needed)
            if gpus.nvswitches
            else f"{_add(at, needed)}; in a virtual machine its host joins them: ask there",
        )
    elif at.facts.driver.fabric_manager and not at.facts.driver.fabric_manager_active:
        yield warning(
            "fabric-manager",
            "the Fabric Manager does not run, and without it no CUDA program starts (error 802)",
            "an install starts it; systemctl enable --now nvidia-fabricmanager does so now",
        )


def _version_after_install(at: Situation) -> str:
    """A package that the node has in a newer version is left alone."""
    carried = (upstream(package.version) for package in brought(at) if re.fullmatch(_PACKAGE, package.name))
    return max((at.facts.driver.fabric_manager, *carried), key=release_of)


def _has(at: Situation, found: str) -> str:
    if found == at.facts.driver.fabric_manager:
        return f"has {found or 'none'}"
    return f"will have {found}, of the bundle's packages"


def _who(at: Situation) -> str:
    if at.facts.gpus.nvswitches:
        return f"{at.facts.gpus.nvswitches} NVSwitches"
    product = next((gpu.name for gpu in at.facts.gpus.smi), "the GPUs")
    waits = f" (fabric state: {at.facts.gpus.fabric})" if waits_for_fabric(at.facts.gpus) else ""
    return f"GPUs behind NVSwitches, {product}{waits},"


def _add(at: Situation, needed: str) -> str:
    return f"install {at.family.fabric_manager_of(needed)} here, or add it to `packages:` of the manifest"
