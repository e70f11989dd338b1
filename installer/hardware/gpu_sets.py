"""A number of nodes with a number of GPUs each, and how much of their memory a program can have."""

from dataclasses import dataclass

from installer.hardware.ranges import Range
from installer.index.gpus import Capability

MIB = 1 << 20
GIB = 1 << 30
# Between what nvidia-smi calls memory.total and what CUDA gives a program. Seen: T4 256 to 430 MiB, A10 305 to 439,
# RTX 4090 346 to 470, H100 470, H200 606, A100 80G 768 to 880.
_LEAST_KEPT = 256 * MIB
_MOST_KEPT = 430 * MIB
_MOST_KEPT_SHARE = 0.011


@dataclass(frozen=True)
class GpuSet:
    """``nodes`` times ``per_node`` equal GPUs. ``total`` is memory.total of nvidia-smi, in bytes."""

    nodes: int
    per_node: int
    name: str
    capability: Capability
    total: int

    @property
    def count(self) -> int:
        return self.nodes * self.per_node

    @property
    def usable(self) -> Range:
        """Bytes of one GPU that a program can have, in CUDA's words the total memory of the device."""
        high = self.total - _LEAST_KEPT
        low = self.total - max(_MOST_KEPT, int(self.total * _MOST_KEPT_SHARE))
        return Range(low, (low + high) // 2, high)

    @property
    def text(self) -> str:
        return f"{self.nodes} x {self.per_node} x {self.name} ({self.total / GIB:.1f} GiB)"
