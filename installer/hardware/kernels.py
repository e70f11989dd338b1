"""Which Linux kernel a branch of the driver needs, by the README that NVIDIA ships with it."""

from installer.hardware.releases import Release, release

_FLOORS: tuple[tuple[int, Release], ...] = ((570, (4, 15, 0)), (0, (3, 10, 0)))  # branch of the driver to kernel
LAST_BRANCH_FOR_3_10 = 550  # what a stock CentOS 7 ends at: CUDA 12.4


def least_kernel(driver: Release) -> Release:
    return next(kernel for branch, kernel in _FLOORS if driver[0] >= branch)


def runs_on_kernel(driver: str, kernel: str) -> bool:
    """``kernel`` as ``uname -r`` says it. What is no version is let pass: the driver's own installer decides."""
    asked, found = release(driver), release(kernel)
    return asked is None or found is None or found >= least_kernel(asked)
