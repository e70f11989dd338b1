"""Operating system, kernel, C library, systemd, and what guards the machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from installer.facts.seen import is_file, names_in, said_by, text_of
from installer.sight import Sight

# Programs that an install may need, or that tell what kind of machine this is.
PROGRAMS: Final = (
    *("apt-get", "dpkg", "dpkg-query", "rpm", "snap"),
    *("systemctl", "journalctl", "getent", "groupadd", "ip", "iptables", "nft", "tar", "xz"),
    *("modprobe", "modinfo", "depmod", "dracut", "update-initramfs", "mokutil", "restorecon"),
    *("nvidia-smi", "nvidia-uninstall", "nvidia-persistenced", "nv-fabricmanager"),
    *("docker", "podman", "nvidia-ctk"),
)
_EFI: Final = "/sys/firmware/efi/efivars"
_SECURE_BOOT: Final = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"  # UEFI's own variables have this GUID
_MARKS: Final = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"))


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
    container: str  # the mark of a container that we are in (docker, podman, systemd-nspawn, lxc ...), or ""
    selinux: str  # "enforcing", "permissive" or "" where there is none
    secure_boot: bool
    clock: float  # seconds since 1970
    programs: Mapping[str, str]  # of PROGRAMS, those that are there, and where


def gather_system(sight: Sight) -> SystemFacts:
    release = read_os_release(text_of(sight, "/etc/os-release") or text_of(sight, "/usr/lib/os-release"))
    kernel, machine = read_uname(said_by(sight, "uname", "-rm"))
    return SystemFacts(
        distribution=release.get("ID", ""),
        like=tuple(release.get("ID_LIKE", "").split()),
        release=release.get("VERSION_ID", ""),
        title=release.get("PRETTY_NAME", ""),
        kernel=kernel,
        machine=machine,
        libc=said_by(sight, "getconf", "GNU_LIBC_VERSION").strip(),
        systemd=_running_systemd(sight),
        cgroup=read_cgroup(text_of(sight, "/proc/mounts")),
        container=_container(sight),
        selinux=read_selinux(text_of(sight, "/sys/fs/selinux/enforce")),
        secure_boot=_secure_boot(sight),
        clock=read_clock(said_by(sight, "date", "+%s")),
        programs={name: place for name in PROGRAMS if (place := sight.finds(name))},
    )


def read_os_release(text: str) -> Mapping[str, str]:
    """NAME=value lines, quoted as a shell has it (os-release(5))."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, equals, value in pairs if equals}


def read_uname(text: str) -> tuple[str, str]:
    """Release and machine of `uname -rm`, which prints them in this order whatever the options' (POSIX)."""
    words = text.split()
    return (words[0], words[-1]) if len(words) > 1 else ("", "")


def read_systemd(text: str) -> int:
    """Major version of `systemctl --version`: `systemd 219`, `systemd 252 (252.36-1~deb12u1)`."""
    found = re.match(r"systemd (\d+)", text)
    return int(found[1]) if found else 0


def read_cgroup(mounts: str) -> int:
    """Of /proc/mounts (cgroups(7)): a hybrid machine has version 2 below a tree of version 1, which programs use."""
    mounted = [fields[1:3] for fields in map(str.split, mounts.splitlines())]
    if ["/sys/fs/cgroup", "cgroup2"] in mounted:
        return 2
    return 1 if any(place[1:] == ["cgroup"] for place in mounted) else 0


def read_selinux(text: str) -> str:
    """Of /sys/fs/selinux/enforce (selinuxfs): 1 or 0."""
    return {"1": "enforcing", "0": "permissive"}.get(text.strip(), "")


def read_secure_boot(text: str) -> bool:
    """Of `od -An -tu1` on the EFI variable: four bytes of attributes, then 1 where it is on (efivarfs, UEFI 3.3)."""
    return text.split()[4:] == ["1"]


def read_clock(text: str) -> float:
    """Of `date +%s`."""
    return float(text) if text.strip().isdecimal() else 0.0


def read_environment(text: str, name: str) -> str:
    """Of /proc/PID/environ: NAME=value, each ended by a zero byte (proc(5))."""
    pairs = (pair.partition("=") for pair in text.split("\0"))
    return next((value for found, _, value in pairs if found == name), "")


def _running_systemd(sight: Sight) -> int:
    """sd_booted(3) looks for this folder too."""
    if "system" not in names_in(sight, "/run/systemd"):
        return 0
    return read_systemd(said_by(sight, "systemctl", "--version"))


def _container(sight: Sight) -> str:
    """The program that made it tells systemd as PID 1 by this variable, any other one by these files."""
    for path, mark in _MARKS:
        if is_file(sight, path):
            return mark
    told = text_of(sight, "/run/systemd/container").strip()
    return told or read_environment(text_of(sight, "/proc/1/environ"), "container")


def _secure_boot(sight: Sight) -> bool:
    if _SECURE_BOOT not in names_in(sight, _EFI):
        return False
    return read_secure_boot(said_by(sight, "od", "-An", "-tu1", f"{_EFI}/{_SECURE_BOOT}"))
