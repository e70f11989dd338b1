"""Operating system, kernel, C library, systemd, and what guards the machine."""

from collections.abc import Mapping
from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class SystemFacts:
    """``kernel`` is what `uname -r` prints. Empty text or 0 where a thing is not known."""

    distribution: str  # ID of os-release: centos, rhel, ubuntu, debian, kylin ...
    like: tuple[str, ...]  # ID_LIKE
    release: str  # VERSION_ID
    title: str  # PRETTY_NAME
    kernel: str
    machine: str  # as `uname -m` says it
    libc: str  # like "glibc 2.17"
    systemd: int  # major version; 0 where systemd does not run this machine
    cgroup: int  # 1 (also hybrid) or 2
    container: str  # the mark of a container that we are in, or ""
    selinux: str  # "enforcing", "permissive" or "" where there is none
    secure_boot: bool
    clock: float  # seconds since 1970
    programs: Mapping[str, str]  # of PROGRAMS, those that are there, and where


def gather_system(sight: Sight) -> SystemFacts:
    raise NotImplementedError
