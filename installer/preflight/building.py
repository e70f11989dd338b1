"""What a kernel module cannot be built without, as far as neither the node nor the bundle has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from installer.index.components import ExtraPackage
from installer.preflight.situation import Situation

_COMPILER, _MAKE, _LINKER = r"gcc(-[0-9]+)?|build-essential", r"make|build-essential", r"binutils"


@dataclass(frozen=True)
class Missing:
    """``package`` is what a person would install, in the words of the node's distribution."""

    what: str
    package: str


def lacking_tools(at: Situation) -> Iterator[Missing]:
    driver, kernel = at.facts.driver, at.facts.system.kernel
    headers = f"linux-headers-{kernel}" if at.is_debian else f"kernel-devel-{kernel}"
    if not driver.headers and not any(kernel in package.kernels for package in _brought(at)):
        yield Missing(f"there are no headers of the running kernel {kernel} (/lib/modules/{kernel}/build)", headers)
    if not driver.compiler and not _brings(at, _COMPILER):
        yield Missing("there is no compiler (gcc)", "gcc")
    if not driver.make and not _brings(at, _MAKE):
        yield Missing("there is no make", "make")
    if not driver.linker and not _brings(at, f"{_LINKER}|{_COMPILER}"):
        yield Missing("there is no linker (ld)", "binutils")


def _brings(at: Situation, names: str) -> bool:
    return any(re.fullmatch(names, package.name) for package in _brought(at))


def _brought(at: Situation) -> tuple[ExtraPackage, ...]:
    """The bundle's packages that are for this node: those for its kernel, and those for every node."""
    if at.index.packages is None:
        return ()
    return tuple(
        package
        for package in at.index.packages.packages
        if not package.kernels or at.facts.system.kernel in package.kernels
    )
