"""Which driver serves which CUDA and GPU, and which kernel a driver needs: NVIDIA's release notes, in numbers."""

from dataclasses import dataclass

from bundler.releases import Release, release
from installer.index.gpus import Capability

# CUDA to the least Linux x86_64 driver that has it natively.
_NATIVE: tuple[tuple[Release, Release], ...] = (
    ((12, 0, 0), (525, 60, 13)),
    ((12, 1, 0), (530, 30, 2)),
    ((12, 2, 0), (535, 54, 3)),
    ((12, 3, 0), (545, 23, 6)),
    ((12, 4, 0), (550, 54, 14)),
    ((12, 5, 0), (555, 42, 2)),
    ((12, 6, 0), (560, 28, 3)),
    ((12, 8, 0), (570, 26, 0)),
    ((12, 9, 0), (575, 51, 3)),
    ((13, 0, 0), (580, 65, 6)),
    ((13, 1, 0), (590, 44, 1)),
    ((13, 2, 0), (595, 45, 4)),
)
# What NVIDIA_REQUIRE_CUDA of NVIDIA's own base images lets pass besides: branches, and whether GeForce too.
_LET_PASS: dict[Release, tuple[tuple[int, ...], bool]] = {
    (12, 4, 0): ((470, 525, 535), True),
    (12, 8, 0): ((470, 535, 550, 560, 565), False),
    (12, 9, 0): ((535, 550, 560, 565, 570), False),
    (13, 0, 0): ((535, 550, 565, 570, 575), False),
}
_GEFORCE = ("geforce", "geforcertx", "titan", "titanrtx")
_DATACENTER = ("tesla", "nvidia", "unknown", "quadro", "quadrortx", "nvidiartx")
KERNEL_FLOORS: tuple[tuple[int, Release], ...] = ((570, (4, 15, 0)), (0, (3, 10, 0)))  # driver branch to kernel


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


def least_driver(cuda: Release) -> str:
    """For people."""
    found = next((least for known, least in _NATIVE if known >= cuda), None)
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
    branches, with_geforce = _LET_PASS.get((found[0], found[1], 0), ((), False))
    brands = (*_DATACENTER, *(_GEFORCE if with_geforce else ()))
    clauses = (f"brand={brand},driver>={branch},driver<{branch + 1}" for branch in branches for brand in brands)
    return " ".join((f"cuda>={found[0]}.{found[1]}", *clauses))


def least_kernel(driver: Release) -> Release:
    return next(kernel for branch, kernel in KERNEL_FLOORS if driver[0] >= branch)
