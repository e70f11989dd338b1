"""CentOS 7.9 as it comes, with two T4 and no driver. Constructed after real texts."""

import pytest

from installer.facts import Facts, gather
from installer.sight import Output
from tests.fakes.questions import ADDRESSES, DEFAULT_ROUTE, LINKS
from tests.fakes.recorded_machine import RecordedMachine, programs, said, states, t4


@pytest.fixture
def centos() -> Facts:
    """CentOS 7.9 as it comes: nouveau on two T4, an old systemd, iproute2 and df, SELinux and firewalld on."""
    files = {
        "/etc/os-release": 'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nID_LIKE="rhel fedora"\n'
        'VERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n',
        "/run/systemd/system/session-1.scope": "",
        "/sys/fs/selinux/enforce": "1",
        "/proc/mounts": "rootfs / rootfs rw 0 0\ntmpfs /sys/fs/cgroup tmpfs ro,seclabel,mode=755 0 0\n"
        "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "/dev/mapper/centos-root / xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0\n"
        "tmpfs /dev/shm tmpfs rw,seclabel,nosuid,nodev 0 0\n/dev/sda1 /boot xfs rw,seclabel 0 0\n",
        "/proc/meminfo": "MemTotal:       131640756 kB\nMemFree:        127000000 kB\nMemAvailable:   127900000 kB\n"
        "SwapTotal:       4194300 kB\n",
        "/proc/modules": "nouveau 1898794 4 - Live 0x0\nmxm_wmi 13021 1 nouveau, Live 0x0\n",
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz-3.10.0-1160.el7.x86_64 root=/dev/mapper/centos-root ro rhgb\n",
        "/proc/sys/kernel/hostname": "localhost.localdomain\n",
        "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
        "/proc/net/tcp": "  sl  local_address\n   0: 00000000:0016 00000000:0000 0A 00000000:00000000\n",
        "/usr/lib/modprobe.d/dist-blacklist.conf": "blacklist i8xx_tco\nblacklist pcspkr\n",
        **t4("0000:3b:00.0", "nouveau"),
        **t4("0000:af:00.0", "nouveau"),
    }
    answers = {
        ("uname", "-rm"): said("3.10.0-1160.el7.x86_64 x86_64\n"),
        ("getconf", "GNU_LIBC_VERSION"): said("glibc 2.17\n"),
        ("systemctl", "--version"): said("systemd 219\n+PAM +AUDIT +SELINUX +IMA -APPARMOR\n"),
        ("date", "+%s"): said("1795284432\n"),
        ("df", "-kP"): said(
            "Filesystem              1024-blocks    Used Available Capacity Mounted on\n"
            "devtmpfs                   65808288       0  65808288       0% /dev\n"
            "tmpfs                      65820376       0  65820376       0% /dev/shm\n"
            "/dev/mapper/centos-root    52403200 1503200  50900000       3% /\n"
            "/dev/sda1                   1038336  153600    884736      15% /boot\n"
        ),
        ADDRESSES: said(
            "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
            "2: em1    inet 10.20.0.11/24 brd 10.20.0.255 scope global noprefixroute em1\\       valid_lft forever\n"
        ),
        LINKS: said(
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT\\    "
            "link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
            "2: em1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP\\    link/ether 00:00:00\n"
            "3: em2: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN\\    link/ether 00:00\n"
        ),
        DEFAULT_ROUTE: said(""),
        ("getent", "ahostsv4", "localhost.localdomain"): said(
            "127.0.0.1       STREAM localhost\n127.0.0.1       DGRAM  \n"
        ),
        ("modinfo", "nvidia"): Output(1, "", "modinfo: ERROR: Module nvidia not found.\n"),
        ("modinfo", "nvidia-current"): Output(1, "", "modinfo: ERROR: Module nvidia-current not found.\n"),
        **states("firewalld.service", absent="unknown"),
    }
    names = "uname getconf systemctl date df ip getent modinfo modprobe rpm dracut restorecon iptables tar xz"
    return gather(RecordedMachine(programs(names), files, answers))


def test_a_bare_centos_7(centos: Facts) -> None:
    system = centos.system
    assert (system.distribution, system.like, system.release) == ("centos", ("rhel", "fedora"), "7")
    assert (system.kernel, system.libc, system.systemd, system.cgroup) == (
        "3.10.0-1160.el7.x86_64",
        "glibc 2.17",
        219,
        1,
    )
    assert (system.selinux, system.secure_boot, system.container) == ("enforcing", False, "")
    assert system.programs["dracut"] == "/usr/bin/dracut"
    assert "apt-get" not in system.programs


def test_the_gpus_of_a_bare_centos_7_are_nouveaus(centos: Facts) -> None:
    gpus, driver = centos.gpus, centos.driver
    assert [(gpu.slot, gpu.device, gpu.module) for gpu in gpus.pci] == [
        ("0000:3b:00.0", "1eb8", "nouveau"),
        ("0000:af:00.0", "1eb8", "nouveau"),
    ]
    assert (gpus.count, gpus.smi, gpus.smi_error) == (2, (), "")
    assert (driver.loaded, driver.on_disk, driver.owner) == ("", "", "")
    assert (driver.nouveau_loaded, driver.nouveau_blocked, driver.headers, driver.compiler) == (True, False, False, "")


def test_the_network_of_a_bare_centos_7(centos: Facts) -> None:
    network = centos.network
    found = network.interface_of("10.20.0.11")
    assert found is not None
    assert (found.name, found.mtu, found.is_up) == ("em1", 1500, True)
    assert [one.name for one in network.interfaces if not one.is_up] == ["em2"]
    assert (network.default_route, network.host_addresses) == ("", ("127.0.0.1",))
    assert (network.firewalld, network.ufw, [one.port for one in network.listeners]) == (True, False, [22])


def test_the_rest_of_a_bare_centos_7(centos: Facts) -> None:
    storage, docker = centos.storage, centos.docker
    root = storage.mount_of("/var/lib/docker")
    assert root is not None
    assert (root.path, root.kind, root.free) == ("/", "xfs", 50900000 << 10)
    assert (storage.shm, storage.memory, storage.swap) == (65820376 << 10, 131640756 << 10, 4194300 << 10)
    assert (docker.dockerd, docker.containerd, docker.error, docker.containers) == (None, None, "", ())
