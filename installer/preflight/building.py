"""What a kernel module cannot be built without, as far as neither the node nor the bundle has it."""

from collections.abc import Iterator
from dataclasses import dataclass

from installer.hardware.releases import release
from installer.preflight.brought import brings, brought
from installer.preflight.situation import Situation

_COMPILER, _MAKE, _LINKER = r"gcc(-[0-9]+)?|build-essential", r"make|build-essential", r"binutils"


@dataclass(frozen=True)
class Missing:
    """``package`` is what a person would install, in the words of the node's distribution."""

    what: str
    package: str


_ORC, _WITHOUT_LIBELF = (4, 15, 0), (5, 19, 0)  # Linux; between them its Makefile stops where libelf is missing


def lacking_tools(at: Situation) -> Iterator[Missing]:
    driver, kernel = at.facts.driver, at.facts.system.kernel
    if not driver.headers and not any(kernel in package.kernels for package in brought(at)):
        yield Missing(
            f"there are no headers of the running kernel {kernel} (/lib/modules/{kernel}/build)",
            at.family.headers_of(kernel),
        )
    if not driver.compiler and not brings(at, _COMPILER):
        yield Missing("there is no compiler (gcc)", "gcc")
    if not driver.make and not brings(at, _MAKE):
        yield Missing("there is no make", "make")
    if not driver.linker and not brings(at, f"{_LINKER}|{_COMPILER}"):
        yield Missing("there is no linker (ld)", "binutils")


def doubtful_tools(at: Situation) -> Iterator[Missing]:
    """What made builds fail elsewhere: not on every node that is like that."""
    driver, running = at.facts.driver, release(at.facts.system.kernel)
    needs_libelf = running is not None and _ORC <= running < _WITHOUT_LIBELF
    if needs_libelf and not driver.libelf and not brings(at, r"elfutils-libelf-devel|libelf-dev(el)?"):
        yield Missing(
            "there is no libelf.h (Cannot generate ORC metadata ... please install libelf-dev)", at.family.libelf
        )
    if 0 < driver.gcc < driver.kernels_gcc:
        yield Missing(
            f"{driver.compiler} is gcc {driver.gcc}, the running kernel was built by gcc {driver.kernels_gcc}, some of "
            "whose options the older one does not know",
            f"gcc {driver.kernels_gcc} (as cc, by update-alternatives)",
        )
