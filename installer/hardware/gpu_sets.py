"""A number of nodes with a number of GPUs each, as a person writes them or as a node's own driver tells."""

import re
from dataclasses import dataclass

from installer.errors import UsageError, printable
from installer.hardware.ranges import Range
from installer.index.gpus import GPUS, Capability

MIB = 1 << 20
GIB = 1 << 30
_WRITTEN = re.compile(r"(\d{1,4})x(\d{1,2})x([A-Za-z0-9-]+?)(?:-(\d{1,4})G)?")
_FORM = "NODESxGPUSxNAME or NODESxGPUSxNAME-MEMORYG, like 2x1xT4-16G"
# What cards are sold with, in GB. Of families whose cards differ, as the RTX ones, a person must say it.
_SOLD_WITH: tuple[tuple[int, str], ...] = (
    (16, "T4 A16 A2 V100"),
    (24, "A10 A30 L4"),
    (32, "V100"),
    (40, "A100 A800"),
    (48, "A40 L20 L40 L40S RTX-A6000 RTX-6000-Ada"),
    (80, "A100 A800 H100 H800"),
    (96, "H20 RTX-PRO-6000"),
    (141, "H200"),
    (180, "B200"),
    (270, "B300"),
)
# GDDR memory keeps its error correction in itself: a sixteenth of it cannot be used.
_CORRECTS_IN_PLACE = frozenset("T4 A10 A16 A2 A40 L4 L20 L40 L40S".split())
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


def parse_gpus(text: str) -> GpuSet:
    """``2x1xT4-16G``: two nodes with one T4 of 16 GB each. UsageError for what is none."""
    match = _WRITTEN.fullmatch(text)
    if match is None or not (int(match[1]) and int(match[2])):
        raise UsageError(f"--gpus: {printable(text)[:80]!r} is not {_FORM}")
    return named_gpus(int(match[1]), int(match[2]), match[3], int(match[4] or 0))


def named_gpus(nodes: int, per_node: int, name: str, gigabytes: int) -> GpuSet:
    """``gigabytes`` as the card is sold; 0 takes the one size that there is."""
    gpu = GPUS.get(next((known for known in GPUS if known.lower() == name.lower()), ""))
    if gpu is None:
        raise UsageError(f"--gpus: no GPU {printable(name)[:80]!r} is known", hint=f"known: {', '.join(GPUS)}")
    sizes = (gigabytes,) if gigabytes else _sold_with(gpu.name)
    if len(sizes) != 1:
        example = f"{nodes}x{per_node}x{gpu.name}-{sizes[-1] if sizes else 24}G"
        kinds = f"with {' or '.join(map(str, sizes))} GB" if sizes else "in several sizes"
        raise UsageError(f"--gpus: {gpu.name} is sold {kinds}", hint=f"say which: --gpus {example}")
    total = sizes[0] * GIB * (15 if gpu.name in _CORRECTS_IN_PLACE else 16) // 16
    return GpuSet(nodes, per_node, gpu.name, gpu.capability, total)


def _sold_with(name: str) -> tuple[int, ...]:
    return tuple(size for size, names in _SOLD_WITH if name in names.split())
