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
MOUNTS_UNIT = """\
[Unit]
Description=Part of the testbed: mounts as writable as on a real machine
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/testbed/open-mounts
"""
MASKED = ("systemd-networkd-wait-online.service", "systemd-resolved.service", "getty.target")


def make(target: Path, cache: Path) -> None:
    debian.bootstrap(target, PACKAGES, cache)
    add_rpm_database(target)
    open_mounts(target)
    (target / "etc/testbed").mkdir()
    (target / "etc/testbed/gpus.csv").write_text(GPUS)
    for unit in MASKED:
        (target / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (target / "etc/machine-id").write_text("")
    (target / "etc/resolv.conf").unlink(missing_ok=True)


def open_mounts(root: Path) -> None:
    """Done in the node, before anything else of it: after a power cut dockerd starts containers at once."""
    (root / "etc/systemd/system/testbed-mounts.service").write_text(MOUNTS_UNIT)
    wanted = root / "etc/systemd/system/sysinit.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "testbed-mounts.service").symlink_to("../testbed-mounts.service")
    script = root / "usr/lib/testbed/open-mounts"
    script.parent.mkdir()
    shutil.copy(SOURCES / "open-mounts", script)
    script.chmod(0o755)


def add_rpm_database(root: Path) -> None:
    scratch = root.with_name(f"{root.name}.rpms").absolute()
    shutil.rmtree(scratch, ignore_errors=True)
    provides = "\n".join(f"Provides: libc.so.6(GLIBC_{version})(64bit)" for version in GLIBC)
    (package,) = rpms.build((SOURCES / "node-base.spec").read_text().replace("@GLIBC@", provides), scratch)
    shutil.copy(package, root / package.name)
    run("chroot", str(root), "rpm", "--install", f"/{package.name}")
    (root / package.name).unlink()
    shutil.rmtree(scratch)
