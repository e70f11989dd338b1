"""The GPUs that a manifest may name, and what each can do."""

from collections.abc import Mapping
from dataclasses import dataclass

Capability = tuple[int, int]  # CUDA's compute capability: (8, 6) is 8.6


@dataclass(frozen=True)
class Gpu:
    """``brands`` are those that a driver may report, in the words of NVIDIA_REQUIRE_CUDA."""

    name: str
    capability: Capability
    brands: tuple[str, ...]


# One datacenter card is Tesla to one branch of the driver and NVIDIA to another.
_DATACENTER = ("tesla", "nvidia", "unknown")
_GEFORCE = ("geforce", "geforcertx", "titan", "titanrtx")
_WORKSTATION = ("quadro", "quadrortx", "nvidiartx", "nvidia")
_CAPABILITIES: Mapping[Capability, tuple[tuple[tuple[str, ...], str], ...]] = {
    (7, 0): ((_DATACENTER, "V100"),),
    (7, 5): ((_DATACENTER, "T4"), (_GEFORCE, "RTX-20"), (_WORKSTATION, "Quadro-RTX")),
    (8, 0): ((_DATACENTER, "A100 A800 A30"),),
    (8, 6): ((_DATACENTER, "A10 A40 A16 A2"), (_GEFORCE, "RTX-30"), (_WORKSTATION, "RTX-A6000")),
    (8, 9): ((_DATACENTER, "L4 L20 L40 L40S"), (_GEFORCE, "RTX-40"), (_WORKSTATION, "RTX-6000-Ada")),
    (9, 0): ((_DATACENTER, "H100 H200 H20 H800"),),
    (10, 0): ((_DATACENTER, "B200"),),
    (10, 3): ((_DATACENTER, "B300"),),
    (12, 0): ((_GEFORCE, "RTX-50"), (_WORKSTATION, "RTX-PRO-6000")),
    (12, 1): ((_WORKSTATION, "GB10"),),
}
GPUS: Mapping[str, Gpu] = {
    name: Gpu(name, capability, brands)
    for capability, families in _CAPABILITIES.items()
    for brands, names in families
    for name in names.split()
}
