"""What a person types on a node for a package, and by which name it goes there: by family of distribution."""

from dataclasses import dataclass
from typing import Final

from installer.facts.system import SystemFacts


@dataclass(frozen=True)
class Family:
    """Distributions that are made from one: their packages have the same names and the same tool installs them.

    ``headers`` has places for the kernel as `uname -r` prints it, and for its parts: 5.14.21-150400.24.33-default is
    of version 5.14.21-150400.24.33 and flavour default.
    """

    remove: str  # the packages are named behind it
    purge: str  # of a driver, with a place for its package: leaves nothing that a later boot would load
    owner_question: str  # what must answer, before it is known whose nvidia-smi is
    headers: str
    libelf: str
    fabric_manager: str  # with places for the driver's version and branch

    def headers_of(self, kernel: str) -> str:
        version, _, flavour = kernel.rpartition("-")
        return self.headers.format(kernel=kernel, version=version, flavour=flavour)

    def fabric_manager_of(self, driver: str) -> str:
        return self.fabric_manager.format(version=driver, branch=driver.partition(".")[0])


RED_HAT: Final = Family(
    remove="yum remove",
    purge="yum remove {package}",
    owner_question="rpm -qf /usr/bin/nvidia-smi must answer: let other runs of rpm and yum end (ps -ef), then rm -f "
    "/var/lib/rpm/__db.* and rpm --rebuilddb; then the same command again",
    headers="kernel-devel-{kernel}",
    libelf="elfutils-libelf-devel",
    fabric_manager="nvidia-fabric-manager {version}",
)
SUSE: Final = Family(
    remove="zypper remove",
    purge="zypper remove {package}",
    owner_question="rpm -qf /usr/bin/nvidia-smi must answer: let other runs of rpm and zypper end (ps -ef), then rpm "
    "--rebuilddb; then the same command again",
    headers="kernel-{flavour}-devel={version}",
    libelf="libelf-devel",
    fabric_manager="nvidia-fabric-manager {version}",
)
DEBIAN: Final = Family(
    remove="apt-get remove",
    purge="apt-get purge {package} && apt-get autoremove --purge",
    owner_question="dpkg-query -S /usr/bin/nvidia-smi must answer: type it and wait for it, dpkg --audit tells what is "
    "damaged; then the same command again",
    headers="linux-headers-{kernel}",
    libelf="libelf-dev",
    fabric_manager="nvidia-fabricmanager-{branch} {version}",
)


def family_of(system: SystemFacts) -> Family:
    """By ID and ID_LIKE of os-release; of a name that is none of ours, what its programs are."""
    names = (system.distribution, *system.like)
    if "debian" in names or ("apt-get" in system.programs and "rpm" not in system.programs):
        return DEBIAN
    # SLES 12 has no ID_LIKE, openSUSE's ID is opensuse-leap or opensuse-tumbleweed.
    return SUSE if any(name in {"sles", "suse", "opensuse"} for name in names) else RED_HAT
