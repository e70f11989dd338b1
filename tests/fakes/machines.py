"""Machines that are looked at in several tests: recorded ones, and some constructed after real texts."""

import json

from installer.sight import Output
from tests.fakes.questions import (
    ADDRESSES,
    DEFAULT_ROUTE,
    DOCKER_INFO,
    DOCKER_PS,
    LINKS,
    SMI_BRAND,
    SMI_PROCESSES,
    smi_query,
)
from tests.fakes.recorded_machine import RECORDED, RecordedMachine, programs, said, states, t4


def bare_centos() -> RecordedMachine:
    """CentOS 7.9 as it comes: nouveau on two T4, an old systemd, iproute2 and df, SELinux and firewalld on."""
    files = {
        "/etc/os-release": 'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nID_LIKE="rhel fedora"\n'
        'VERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n',
        "/run/systemd/system/session-1.scope": "",
        "/sys/fs/selinux/enforce": "1",
        "/proc/mounts": "rootfs / rootfs rw 0 0\ntmpfs /sys/fs/cgroup tmpfs ro,seclabel,mode=755 0 0\n"
        "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "/dev/mapper/centos-root / xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0\n"
        "/dev/sdb1 /srv xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0\n"
        "/dev/sdc1 /my\\040data* xfs rw,seclabel 0 0\n"
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
        ("xfs_info", "/"): said(_xfs_info(1)),
        ("xfs_info", "/boot"): said(_xfs_info(1)),
        ("xfs_info", "/srv"): said(_xfs_info(0)),
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
    names = "uname getconf systemctl date df ip getent modinfo modprobe rpm dracut restorecon iptables tar xz xfs_info"
    return RecordedMachine(programs(names), files, answers)


def _xfs_info(types: int) -> str:
    return (
        "meta-data=/dev/sda1              isize=256    agcount=4, agsize=3276800 blks\n"
        "data     =                       bsize=4096   blocks=13107200, imaxpct=25\n"
        f"naming   =version 2              bsize=4096   ascii-ci=0 ftype={types}\n"
    )


def ubuntu_at_work() -> RecordedMachine:
    """Ubuntu 22.04 with apt's driver (DKMS), docker-ce, somebody's container on the GPU, Secure Boot and ufw on."""
    boot = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    module = "/lib/modules/5.15.0-105-generic/updates/dkms/nvidia.ko"
    files = {
        "/etc/os-release": 'PRETTY_NAME="Ubuntu 22.04.4 LTS"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n',
        "/run/systemd/system/snap.mount": "",
        boot: "\x06\0\0\0\1",
        "/proc/mounts": "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n"
        "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev,inode64 0 0\n"
        "tmpfs /tmp tmpfs rw,nosuid,nodev,noexec 0 0\n/dev/loop0 /snap/core20/1974 squashfs ro,nodev 0 0\n"
        "overlay /var/lib/docker/overlay2/1/merged overlay rw 0 0\n",
        "/proc/meminfo": "MemTotal: 263000000 kB\nMemAvailable: 250000000 kB\nSwapTotal: 0 kB\n",
        "/proc/modules": "nvidia_uvm 1527808 4 - Live 0x0 (POE)\nnvidia 56827904 84 nvidia_uvm, Live 0x0 (POE)\n",
        "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May\n",
        "/proc/sys/kernel/hostname": "gpu1\n",
        "/etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
        "/etc/modprobe.d/nvidia-installer-disable-nouveau.conf": "blacklist nouveau\n",
        "/lib/modules/5.15.0-105-generic/build/Makefile": "",
        "/run/nvidia-persistenced/socket": "",
        "/sys/class/infiniband/mlx5_0/node_type": "1: CA\n",
        "/proc/net/tcp6": f"  sl\n   0: {0:032}:1F40 {0:032}:0000 0A 0\n",
        **t4("0000:3b:00.0", "nvidia"),
    }
    answers = {
        ("uname", "-rm"): said("5.15.0-105-generic x86_64\n"),
        ("getconf", "GNU_LIBC_VERSION"): said("glibc 2.35\n"),
        ("systemctl", "--version"): said("systemd 249 (249.11-0ubuntu3.12)\n+PAM\n"),
        ("date", "+%s"): said("1795284432\n"),
        ("od", "-An", "-tu1", boot): said("   6   0   0   0   1\n"),
        ("df", "-kP"): said(
            "/dev/nvme0n1p2 960000000 400000000 511000000 44% /\ntmpfs 131500000 0 131500000 0% /dev/shm\n"
        ),
        ADDRESSES: said("2: eno1    inet 10.0.0.1/24 brd 10.0.0.255 scope global eno1\\       valid_lft forever\n"),
        LINKS: said(
            "2: eno1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9000 qdisc mq state UP mode DEFAULT\\    altname e\n"
        ),
        DEFAULT_ROUTE: said("default via 10.0.0.254 dev eno1 proto static \n"),
        ("getent", "ahostsv4", "gpu1"): said("127.0.1.1       STREAM gpu1\n"),
        ("modinfo", "nvidia"): said(f"filename:       {module}\nversion:        535.183.01\nlicense:        NVIDIA\n"),
        ("dpkg-query", "-S", module): Output(1, "", f"dpkg-query: no path found matching pattern {module}\n"),
        ("dpkg-query", "-S", "/usr/bin/nvidia-smi"): said("nvidia-utils-535: /usr/bin/nvidia-smi\n"),
        ("dpkg-query", "-S", "/usr/bin/dockerd"): said("docker-ce: /usr/bin/dockerd\n"),
        ("dpkg-query", "-S", "/usr/bin/containerd"): said("containerd.io: /usr/bin/containerd\n"),
        ("dpkg-query", "-S", "/usr/bin/nvidia-ctk"): said("nvidia-container-toolkit-base: /usr/bin/nvidia-ctk\n"),
        ("/usr/bin/dockerd", "--version"): said("Docker version 24.0.9, build fca702d\n"),
        ("/usr/bin/containerd", "--version"): said(
            "containerd containerd.io 1.6.28 ae07eda36dd25f8a1b98dfbf587313b99c0190bb\n"
        ),
        ("/usr/bin/nvidia-ctk", "--version"): said("NVIDIA Container Toolkit CLI version 1.14.6\ncommit: 5605d19\n"),
        DOCKER_INFO: said(
            json.dumps(
                {
                    "ServerVersion": "24.0.9",
                    "DockerRootDir": "/data/docker",
                    "Driver": "overlay2",
                    "CgroupDriver": "systemd",
                    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=selinux"],
                    "Runtimes": {"runc": {"path": "runc"}, "nvidia": {"path": "nvidia-container-runtime"}},
                }
            )
        ),
        DOCKER_PS: said(
            json.dumps({"Names": "triton", "Image": "tritonserver:24.05", "State": "running", "Labels": "a=b"}) + "\n"
        ),
        smi_query(): said(
            "index, uuid, driver_version, memory.total [MiB], memory.used [MiB], compute_cap, pci.bus_id, "
            "mig.mode.current, persistence_mode, ecc.mode.current, name\n"
            "0, GPU-1, 535.183.01, 15360 MiB, 9001 MiB, 7.5, 00000000:3B:00.0, [N/A], Enabled, Enabled, Tesla T4\n"
        ),
        SMI_PROCESSES: said("pid, gpu_uuid, used_gpu_memory [MiB], process_name\n71, GPU-1, 8998 MiB, tritonserver\n"),
        SMI_BRAND: said("<product_brand>Tesla</product_brand>\n"),
        **states("docker.service", "docker.socket", "ufw.service", "nvidia-persistenced.service"),
    }
    names = (
        "uname getconf systemctl date od df ip getent modinfo dpkg-query dpkg apt-get docker dockerd containerd "
        "nvidia-ctk nvidia-smi gcc make ld dkms update-initramfs"
    )
    return RecordedMachine(programs(names), files, answers)


def host_with_two_h200() -> RecordedMachine:
    """Recorded, but for its PCI bus."""
    device = "DRIVER=nvidia\nPCI_CLASS=30200\nPCI_ID=10DE:2335\nPCI_SLOT_NAME="
    recording = (RECORDED / "h200/proc.txt").read_text()
    files = {
        **{f"/sys/bus/pci/devices/0000:00:0{n}.0/uevent": f"{device}0000:00:0{n}.0\n" for n in (6, 7)},
        "/proc/driver/nvidia/version": recording,
        "/proc/modules": recording,
    }
    answers = {
        smi_query(): said((RECORDED / "h200/query.csv").read_text()),
        SMI_PROCESSES: said("pid, gpu_uuid, used_gpu_memory [MiB], process_name\n"),
        SMI_BRAND: said((RECORDED / "h200/q.xml").read_text()),
    }
    return RecordedMachine(programs("nvidia-smi"), files, answers)


def busybox() -> RecordedMachine:
    """Its recorded programs, in a machine made up."""
    told = {path.stem: said(path.read_text()) for path in (RECORDED / "busybox").iterdir()}
    answers = {("df", "-kP"): told["df"], ADDRESSES: told["addr"], LINKS: told["link"], DEFAULT_ROUTE: told["route"]}
    return RecordedMachine(programs("df ip"), {"/proc/mounts": "/dev/vda / ext4 rw 0 0\n"}, answers)


def debian_of_the_testbed() -> RecordedMachine:
    """A node in a container of systemd's, with cgroup version 1 and no GPU."""
    files = {
        "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
        "/run/systemd/system/a.service": "",
        "/run/systemd/container": "systemd-nspawn",
        "/proc/mounts": "/dev/vda / ext4 rw,relatime,discard 0 0\ntmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n",
        "/proc/meminfo": "MemTotal: 24683660 kB\nMemAvailable: 23777207 kB\nSwapTotal: 0 kB\n",
        "/proc/sys/kernel/hostname": "node1\n",
        "/sys/bus/pci/devices/0000:00:01.0/uevent": "DRIVER=virtio-pci\nPCI_CLASS=10000\nPCI_ID=1AF4:1042\n",
    }
    answers = {
        ("uname", "-rm"): said("6.18.44 x86_64\n"),
        ("getconf", "GNU_LIBC_VERSION"): said("glibc 2.36\n"),
        ("systemctl", "--version"): said("systemd 252 (252.36-1~deb12u1)\n"),
        ("date", "+%s"): said("1795284432\n"),
        ("df", "-kP"): said("/dev/vda 264212084 205600000 49002464 81% /\ntmpfs 12341830 0 12341830 0% /dev/shm\n"),
        ADDRESSES: said(
            "1: lo    inet 127.0.0.1/8 scope host lo\\ \n2: eth0    inet 10.77.0.11/24 scope global eth0\\ \n"
        ),
        LINKS: said(
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\\ \n2: eth0@if5: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc\\ \n"
        ),
        DEFAULT_ROUTE: said(""),
        ("getent", "ahostsv4", "node1"): said("", 2),
        ("modinfo", "nvidia"): said("", 1),
        ("modinfo", "nvidia-current"): said("", 1),
        **states(),
    }
    names = "uname getconf systemctl date df ip getent modinfo dpkg dpkg-query rpm"
    return RecordedMachine(programs(names), files, answers)
