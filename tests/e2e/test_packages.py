"""Packages on real nodes: a Debian with Debian's own docker, alone in its cluster, and a node with rpm; told in order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles, cluster
from testbed.bundles import Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from tests.e2e.conftest import BUILD
from tests.e2e.kills import begun
from tests.e2e.small_packages import SmallPackage, entries

KERNEL = os.uname().release
OTHER_KERNEL = "6.1.0-25-amd64"
OWN = ("/etc", "/opt", "/usr", "/var/lib/dpkg", "/var/lib/vllm-airgap")
WHAT_DRIVERS_NEED = ("/usr/bin/gcc", "/usr/bin/make", "/usr/bin/ld", f"/lib/modules/{KERNEL}/build")
DRIVER = "NVIDIA driver 550.127.08"
LACKING = "/media/usb/lacking"
VOCABULARY = "aGVsbG8= 0\n"

BINUTILS = SmallPackage("binutils", "2.40", "2", files=("/usr/bin/ld",))
MAKE = SmallPackage("make", "4.3", "4.1", files=("/usr/bin/make",))
GCC = SmallPackage("gcc", "4:12.2.0", "3", needs="binutils (>= 2.40)", files=("/usr/bin/gcc",))
RPM_GCC = SmallPackage("gcc", "11.5.0", "5.el9", needs="binutils >= 2.35", files=("/usr/bin/gcc",))


def _headers(kernel: str) -> SmallPackage:
    files = (f"/lib/modules/{kernel}/build/Makefile",)
    return SmallPackage(f"linux-headers-{kernel}", "6.1.106", "3", files=files, kernels=(kernel,))


FOR_DEBIAN = (_headers(KERNEL), _headers(OTHER_KERNEL), GCC, BINUTILS, MAKE)
KMOD = SmallPackage("kmod-sample", "2.0", "1", files=("/opt/sample/2.0",), kernels=(KERNEL,))
OLD_KMOD = SmallPackage("kmod-sample", "1.0", "1", files=("/opt/sample/1.0",))
DEVEL = SmallPackage("kernel-devel", "5.14.0", "427.el9", files=("/usr/src/other",), kernels=("5.14.0-427.el9.x86_64",))
FOR_REDHAT = (RPM_GCC, BINUTILS, MAKE, KMOD, DEVEL)


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = BUILD / "e2e" / "packages"
    bundles.clear(folder)
    folder.mkdir(parents=True)
    (folder / "small.tiktoken").write_text(VOCABULARY)
    bundles.make_key(folder, "release")
    return folder


@pytest.fixture(scope="module")
def packages_site() -> Iterator[Site]:
    with Site(BUILD, "pkg", ("debian", "redhat")) as site:
        yield site


def _build(made: Inputs, folder: Path, bundle: str, packages: dict[Path, SmallPackage], wish: Wish) -> Release:
    files = f"files:\n  - {{url: {folder}/small.tiktoken, name: encodings/small.tiktoken}}\n"
    description = folder / bundle / "manifest.yaml"
    description.parent.mkdir(parents=True)
    description.write_text(bundles.manifest(made, replace(wish, nodes=1, more=entries(packages) + files)))
    return bundles.build_described(
        description, HostDocker(BUILD), description.with_name(Path(bundle).name), folder / "release.key"
    )


def _start(node: Node, made: Inputs, release: Release) -> None:
    """With nothing that a driver is built with."""
    cluster.start(node, made.node_root, release)
    node.run("rm", "--recursive", "--force", *WHAT_DRIVERS_NEED)
