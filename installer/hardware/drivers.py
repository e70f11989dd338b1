"""Which driver serves which CUDA and GPU: NVIDIA's release notes, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from installer.hardware.releases import Release, release
from installer.index.gpus import Capability

# CUDA to the least Linux x86_64 driver that has it natively. 12.7 is what branch 565 says of itself: no toolkit.
_NATIVE: tuple[tuple[Release, Release], ...] = (
    ((11, 4, 0), (470, 42, 1)),
    ((11, 6, 0), (510, 39, 1)),
    ((11, 7, 0), (515, 43, 4)),
    ((11, 8, 0), (520, 61, 5)),
    ((12, 0, 0), (525, 60, 13)),
    ((12, 1, 0), (530, 30, 2)),
    ((12, 2, 0), (535, 54, 3)),
    ((12, 3, 0), (545, 23, 6)),
    ((12, 4, 0), (550, 54, 14)),
    ((12, 5, 0), (555, 42, 2)),
    ((12, 6, 0), (560, 28, 3)),
    ((12, 7, 0), (565, 57, 1)),
    ((12, 8, 0), (570, 26, 0)),
    ((12, 9, 0), (575, 51, 3)),
    ((13, 0, 0), (580, 65, 6)),
    ((13, 1, 0), (590, 44, 1)),
    ((13, 2, 0), (595, 45, 4)),
)
# From which driver on any CUDA of a major version runs, but for kernels that are compiled from its newer PTX.
_ANY_MINOR: Mapping[int, Release] = {12: (525, 60, 13), 13: (580, 65, 6)}
# NVIDIA_REQUIRE_CUDA of NVIDIA's own base images, in their order: the branches let pass besides, and for which brands.
_BRANDS_12_4 = "tesla unknown nvidia nvidiartx geforce geforcertx quadro quadrortx titan titanrtx"
_BRANDS = "unknown grid tesla nvidia quadro quadrortx nvidiartx vapps vpc vcs vws cloudgaming"
_LET_PASS: Mapping[Release, tuple[tuple[int, ...], str]] = {
    (12, 4, 0): ((470, 525, 535), _BRANDS_12_4),
    (12, 8, 0): ((470, 535, 550, 560, 565), _BRANDS),
    (12, 9, 0): ((535, 550, 560, 565, 570), _BRANDS),
    (13, 0, 0): ((535, 550, 565, 570, 575), _BRANDS),
}


@dataclass(frozen=True)
class First:
    """The CUDA that has code for a kind of GPU, and the driver that came with it."""

    cuda: tuple[int, int]
    driver: Release


# By compute capability, of those that some driver or CUDA of today does not know.
_FIRST: dict[Capability, First] = {
    (8, 9): First((11, 8), (520, 61, 5)),
    (9, 0): First((11, 8), (520, 61, 5)),
    (10, 0): First((12, 8), (570, 26, 0)),
    (10, 3): First((12, 9), (575, 51, 3)),
    (12, 0): First((12, 8), (570, 26, 0)),
    (12, 1): First((12, 9), (575, 51, 3)),
}


def first_for(capability: Capability) -> First | None:
    """None of one that every driver and CUDA in use knows."""
    return _FIRST.get(capability)


def newest_cuda(driver: Release) -> Release | None:
    """The CUDA that ``driver`` has natively; None of one older than all that is known."""
    return max((cuda for cuda, least in _NATIVE if driver >= least), default=None)


def is_beyond(driver: Release) -> bool:
    """Whether it is of a later branch than any that is known, so that its CUDA may be later too."""
    return driver[0] > _NATIVE[-1][1][0]


def covers_minor_versions(driver: Release, cuda: Release) -> bool:
    """Whether NVIDIA promises that programs for ``cuda`` run with ``driver`` as others of the same major version do."""
    least = _ANY_MINOR.get(cuda[0])
    return least is not None and driver >= least and (newest_cuda(driver) or (0, 0, 0))[0] == cuda[0]


def least_driver(cuda: Release) -> str:
    """For people. CUDA 12.4.1 is 12.4 to a driver."""
    found = next((least for known, least in _NATIVE if known[:2] >= cuda[:2]), None)
    return in_words(found) if found else "a newer one"


def in_words(driver: Release) -> str:
    """As NVIDIA writes it: 525.60.13, 570.26."""
    branch, *rest = driver
    return ".".join((str(branch), *(f"{number:02}" for number in rest if number)))


def usual_requirement(cuda: str) -> str:
    """NVIDIA_REQUIRE_CUDA as base images of ``cuda`` have it, for an image whose own is not known yet."""
    found = release(cuda)
    if found is None:
        return ""
    branches, brands = _LET_PASS.get((found[0], found[1], 0), ((), ""))
    clauses = (f"brand={brand},driver>={of},driver<{of + 1}" for of in branches for brand in brands.split())
    return " ".join((f"cuda>={found[0]}.{found[1]}", *clauses))
