"""Whether the driver goes with what it meets on a node: the kernel and its headers, the GPUs, the fabric manager."""

import re
from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, refused, warned
from bundler.lint.case import Case, Rules
from bundler.lint.image_facts import is_official
from bundler.packages.kernel_headers import headers_for
from installer.hardware.drivers import first_for, in_words
from installer.hardware.kernels import least_kernel
from installer.hardware.releases import release

_OF_THE_MANIFEST = "packages/"  # where the bundle has what stands under ``packages``
_HEADERS_FILE = re.compile(r"(kernel(-[a-z0-9]+)*-devel|linux-headers)[-_].*")
_FABRIC_MANAGER = re.compile(r"nvidia-fabric-?manager(-[0-9]+)?")
_ADD_HEADERS = (
    "add its kernel-devel (rpm) or linux-headers (deb) to packages, with kernels: [what `uname -r` prints there], and "
    "gcc and make where nodes lack them; nothing to do where every node has them"
)


def _driver_kernel(case: Case) -> Iterator[Finding]:
    """The kernels that the manifest's packages are for are those of the nodes."""
    driver = release(case.manifest.driver.version) if case.manifest.driver else None
    if driver is None:
        return
    least = least_kernel(driver)
    for number, package in enumerate(case.manifest.packages):
        for kernel in package.kernels:
            found = release(kernel)
            if found and found < least:
                yield refused(
                    "driver-kernel",
                    f"packages[{number}].kernels",
                    f"driver {driver[0]} needs Linux {least[0]}.{least[1]} or newer, and nodes with {kernel} are named",
                    "take driver 550 (CUDA 12.4), the last one for such nodes, and an image that goes with it",
                )


def _driver_headers(case: Case) -> Iterator[Finding]:
    """It compiles its module on every node, which takes the headers of that very kernel."""
    spec = case.manifest.driver
    kernels = sorted({kernel for package in case.manifest.packages for kernel in package.kernels})
    if spec and not kernels:
        yield warned(
            "driver-headers",
            "driver",
            f"driver {spec.version} compiles its module on each node, and no package is for any kernel: every node "
            "must have kernel-devel of its own kernel, gcc and make",
            _ADD_HEADERS,
        )
    served, guess = _kernels_with_headers(case)
    for kernel in kernels if spec else ():
        if kernel not in served:
            yield warned(
                "driver-headers",
                "packages",
                f"kernel {kernel} is named, and no package has its headers: the driver cannot be built there",
                _ADD_HEADERS,
                guess,
            )


def _kernels_with_headers(case: Case) -> tuple[frozenset[str], str]:
    """By what packages say themselves, or by the names of their files as long as one is not here; and what by."""
    read = [package for package in case.packages if package.where.startswith(_OF_THE_MANIFEST)]
    if len(read) >= len(case.manifest.packages):
        return frozenset(headers_for(package.facts) for package in read), ""
    named = (of for of in case.manifest.packages if _HEADERS_FILE.fullmatch(of.url.rpartition("/")[2]))
    return frozenset(kernel for package in named for kernel in package.kernels), "the names of the files"


def _gpu_too_new(case: Case) -> Iterator[Finding]:
    first = first_for(case.gpu.capability) if case.gpu else None
    if case.gpu is None or first is None:
        return
    spec = case.manifest.driver
    driver = release(spec.version) if spec else None
    if spec and driver and driver < first.driver:
        yield refused(
            "gpu-too-new",
            "driver.version",
            f"driver {spec.version} does not know a {case.gpu.name}; {in_words(first.driver)} is the first that does",
            f"take driver {in_words(first.driver)} or newer",
        )
    yield from _image_too_old(case, case.gpu.name, first.cuda)


def _image_too_old(case: Case, gpu: str, first: tuple[int, int]) -> Iterator[Finding]:
    """Torch may have come into somebody's image with a later CUDA than that of the image itself."""
    said = case.image.torch_cuda or case.image.cuda
    cuda = release(said)
    if cuda is None or cuda[:2] >= first:
        return
    what = f"the image is built with CUDA {said}, which has no code for a {gpu}; {first[0]}.{first[1]} is the first"
    fix = f"take an image for CUDA {first[0]}.{first[1]} or newer: vLLM 0.9.0 has 12.8, 0.11.2 has 12.9"
    if case.image.torch_cuda or is_official(case.manifest.image.ref):
        yield refused("gpu-too-new", "image.ref", what, fix)
    else:
        yield warned("gpu-too-new", "image.ref", what, fix, "its CUDA_VERSION")


def _fabric_manager(case: Case) -> Iterator[Finding]:
    """Of another version it refuses to start, and CUDA then answers 802: system not yet initialized."""
    spec = case.manifest.driver
    for package in case.packages if spec else ():
        version = package.facts.version.rpartition(":")[2].partition("-")[0]
        if spec and _FABRIC_MANAGER.fullmatch(package.facts.name) and version != spec.version:
            yield refused(
                "fabric-manager",
                package.where,
                f"fabric manager {version} serves driver {version} alone, and the bundle has driver {spec.version}",
                f"take {package.facts.name} {spec.version}",
            )


RULES: Final[Rules] = {
    "driver-kernel": _driver_kernel,
    "driver-headers": _driver_headers,
    "gpu-too-new": _gpu_too_new,
    "fabric-manager": _fabric_manager,
}
