"""NVIDIA hardware: what the PCI bus has, also without a driver, and what the driver says of it."""

from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class PciGpu:
    """A display or 3D controller of NVIDIA's."""

    slot: str  # 0000:00:06.0
    device: str  # PCI device ID, four lower-case hex digits: 2335 is an H200
    module: str  # the kernel module that drives it: nvidia, nouveau, vfio-pci or ""


@dataclass(frozen=True)
class SmiGpu:
    """One GPU as nvidia-smi tells it. Memory in MiB."""

    index: int
    uuid: str
    name: str
    driver: str
    memory: int
    used: int
    capability: tuple[int, int]
    slot: str  # as in PciGpu
    mig: bool
    persistence: bool
    ecc: bool | None  # None where the card has none

    @property
    def free(self) -> int:
        return self.memory - self.used


@dataclass(frozen=True)
class GpuProcess:
    """Somebody who holds memory of a GPU, in MiB."""

    pid: int
    name: str
    used: int
    gpu: str  # uuid


@dataclass(frozen=True)
class GpuFacts:
    """``smi_error`` is why nvidia-smi does not answer, in its own words; then ``smi`` is empty."""

    pci: tuple[PciGpu, ...]
    nvswitches: int
    smi: tuple[SmiGpu, ...]
    processes: tuple[GpuProcess, ...]
    smi_error: str
    brand: str  # of the first GPU, as `nvidia-smi -q -x` says it: NVIDIA, Tesla, GeForce ...

    @property
    def count(self) -> int:
        return len(self.smi) or len(self.pci)


def gather_gpus(sight: Sight) -> GpuFacts:
    raise NotImplementedError
