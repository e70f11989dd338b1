"""What the bundle's own packages bring to this node, before anything else of an install needs it."""

import re

from installer.index.components import ExtraPackage
from installer.preflight.situation import Situation

# That have nvidia-smi and the modules, of NVIDIA's own repositories, RPM Fusion, Debian and Ubuntu.
DRIVER = (
    r"nvidia-(open-)?driver(-\d+|-cuda|-latest)?.*|cuda-drivers(-\d+)?|xorg-x11-drv-nvidia(-cuda)?|nvidia-utils-\d+.*"
)


def brought(at: Situation) -> tuple[ExtraPackage, ...]:
    """Those that are for this node: for its kernel, or for every node."""
    if at.index.packages is None:
        return ()
    return tuple(
        package
        for package in at.index.packages.packages
        if not package.kernels or at.facts.system.kernel in package.kernels
    )


def brings(at: Situation, names: str) -> bool:
    """Whether one of them has a name like the pattern ``names``."""
    return any(re.fullmatch(names, package.name) for package in brought(at))


def upstream(version: str) -> str:
    """550.127.08 of 3:550.127.08-1.el9, as a package database prints it."""
    return version.partition(":")[2].partition("-")[0] if ":" in version else version.partition("-")[0]
