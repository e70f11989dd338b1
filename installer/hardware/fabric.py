"""Which GPUs run no CUDA program before a Fabric Manager has joined them: those behind NVSwitches."""

from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts

# nvidia-smi's words for a fabric that nobody has joined the GPU to (nvml.h: NVML_GPU_FABRIC_STATE_...). Of one that
# is not behind any it says N/A, and of one that was joined, perhaps by the host of this machine, Completed.
_WAITING = ("Not Started", "In Progress")
_JOINED = "Completed"


def waits_for_fabric(gpus: GpuFacts) -> bool:
    """A CUDA program started now would end with error 802, system not yet initialized."""
    return gpus.fabric in _WAITING


def needs_fabric_manager(gpus: GpuFacts, driver: DriverFacts) -> bool:
    """NVSwitches are no PCI devices of the node with NVLink 5 (B200, B300), so there the GPU's own word counts.

    In a virtual machine its host has joined the GPUs, and no Fabric Manager has to run inside.
    """
    if gpus.nvswitches or waits_for_fabric(gpus):
        return True
    return gpus.fabric == _JOINED and driver.fabric_manager_active
