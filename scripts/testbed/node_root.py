"""The root file system that every node starts from: a Debian with systemd and rpm, without Python or docker."""

import shutil
from pathlib import Path

from testbed import debian, rpms
from testbed.c_programs import SOURCES
from testbed.commands import run

PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "iproute2", "iptables", "rpm", "ca-certificates", "procps", "kmod", "curl",
    "openssl",
    "libdevmapper1.02.1", "libseccomp2",  # what Debian's dockerd and runc are linked to; upstream's are static
)  # fmt: skip
GPUS = """\
name,uuid,memory.total,memory.used,compute_cap,pci.bus_id,mig.mode.current
Tesla T4,GPU-7e57bed0-0000-0000-0000-000000000001,15360,0,7.5,00000000:00:1E.0,[N/A]
"""
# Of glibc 2.36 on x86_64; rpm finds such names as dependencies of programs.
GLIBC = ("2.2.5", "2.3", "2.3.4", "2.4", "2.7", "2.14", "2.17", "2.28", "2.33", "2.34", "2.36")
PCI_SLOT = "0000:00:1e.0"
PCI_GPU = f"PCI_CLASS=30200\nPCI_ID=10DE:1EB8\nPCI_SLOT_NAME={PCI_SLOT}\n"  # a T4
BUILD_TOOLS = ("gcc", "make", "ld")  # what a driver builds its module with
LIBELF = "usr/include/libelf.h"  # and this, by kernels 4.15 to 5.18: the host's may be one
PRETENDED = '#!/bin/sh\necho "$0: pretended: nothing is built here" >&2\nexit 1\n'
SCRIPTS = ("open-mounts", "pretended-hardware")
MACHINE_UNIT = """\
[Unit]
Description=Part of the testbed: mounts as writable as on a real machine, and a GPU
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/testbed/open-mounts
ExecStart=/usr/lib/testbed/pretended-hardware
"""
MASKED = ("systemd-networkd-wait-online.service", "systemd-resolved.service", "getty.target")


def make(target: Path, cache: Path) -> None:
    debian.bootstrap(target, PACKAGES, cache)
    add_rpm_database(target)
    complete_at_boot(target)
    add_gpu(target)
    add_build_tools(target)
    for unit in MASKED:
        (target / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (target / "etc/machine-id").write_text("")
    (target / "etc/resolv.conf").unlink(missing_ok=True)


def complete_at_boot(root: Path) -> None:
    """Done in the node, before anything else of it: after a power cut dockerd starts containers at once."""
    (root / "etc/systemd/system/testbed-machine.service").write_text(MACHINE_UNIT)
    wanted = root / "etc/systemd/system/sysinit.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "testbed-machine.service").symlink_to("../testbed-machine.service")
    (root / "usr/lib/testbed").mkdir()
    for script in SCRIPTS:
        place_program(root / "usr/lib/testbed" / script, (SOURCES / script).read_text())


def add_gpu(root: Path) -> None:
    """What the PCI bus shows, and what the driver will say once it is installed."""
    folder = root / "etc/testbed"
    (folder / "pci" / PCI_SLOT).mkdir(parents=True)
    (folder / "pci" / PCI_SLOT / "uevent").write_text(PCI_GPU)
    (folder / "gpus.csv").write_text(GPUS)


def add_build_tools(root: Path) -> None:
    for name in BUILD_TOOLS:
        place_program(root / "usr/bin" / name, PRETENDED)
    (root / LIBELF).write_text("/* pretended: nothing is built here */\n")
    place_program(root / "usr/sbin/update-initramfs", (SOURCES / "update-initramfs").read_text())


def place_program(target: Path, text: str) -> None:
    target.write_text(text)
    target.chmod(0o755)


def add_rpm_database(root: Path) -> None:
    scratch = root.with_name(f"{root.name}.rpms").absolute()
    shutil.rmtree(scratch, ignore_errors=True)
    provides = "\n".join(f"Provides: libc.so.6(GLIBC_{version})(64bit)" for version in GLIBC)
    (package,) = rpms.build((SOURCES / "node-base.spec").read_text().replace("@GLIBC@", provides), scratch)
    shutil.copy(package, root / package.name)
    run("chroot", str(root), "rpm", "--install", f"/{package.name}")
    (root / package.name).unlink()
    shutil.rmtree(scratch)
