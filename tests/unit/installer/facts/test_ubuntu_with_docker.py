"""Ubuntu 22.04 with apt's driver and docker, and somebody at work on its T4. Constructed after real texts."""

import json

import pytest

from installer.facts import Facts, gather
from installer.facts.docker import Container, Program
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
from tests.fakes.recorded_machine import RecordedMachine, programs, said, states, t4


@pytest.fixture
def ubuntu() -> Facts:
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
    return gather(RecordedMachine(programs(names), files, answers))


def test_an_ubuntu_with_apts_driver(ubuntu: Facts) -> None:
    driver, gpus = ubuntu.driver, ubuntu.gpus
    assert (driver.loaded, driver.on_disk, driver.is_open, driver.module_users) == (
        "535.183.01",
        "535.183.01",
        False,
        84,
    )
    assert driver.owner == "nvidia-utils-535"
    assert (driver.nouveau_loaded, driver.nouveau_blocked, driver.headers) == (False, True, True)
    assert (driver.compiler, driver.dkms, driver.persistenced_active) == ("/usr/bin/gcc", "/usr/bin/dkms", True)
    assert [(gpu.name, gpu.free, gpu.mig) for gpu in gpus.smi] == [("Tesla T4", 6359, False)]
    assert [(process.name, process.used) for process in gpus.processes] == [("tritonserver", 8998)]
    assert (gpus.brand, gpus.count) == ("Tesla", 1)


def test_an_ubuntu_with_docker(ubuntu: Facts) -> None:
    docker = ubuntu.docker
    assert docker.dockerd == Program("/usr/bin/dockerd", "24.0.9", "docker-ce")
    assert docker.containerd == Program("/usr/bin/containerd", "1.6.28", "containerd.io")
    assert docker.toolkit == Program("/usr/bin/nvidia-ctk", "1.14.6", "nvidia-container-toolkit-base")
    assert (docker.error, docker.server, docker.root, docker.driver) == ("", "24.0.9", "/data/docker", "overlay2")
    assert (docker.cgroup_driver, docker.runtimes, docker.kubelet) == ("systemd", ("nvidia", "runc"), False)
    assert docker.containers == (Container("triton", "tritonserver:24.05", "running", ""),)


def test_the_rest_of_an_ubuntu(ubuntu: Facts) -> None:
    system, network, storage = ubuntu.system, ubuntu.network, ubuntu.storage
    assert (system.distribution, system.cgroup, system.systemd, system.secure_boot) == ("ubuntu", 2, 249, True)
    assert (network.ufw, network.firewalld, network.rdma, network.default_route) == (True, False, ("mlx5_0",), "eno1")
    assert (network.hostname, network.host_addresses) == ("gpu1", ("127.0.1.1",))
    assert [(one.address, one.port) for one in network.listeners] == [("::", 8000)]
    assert [mount.path for mount in storage.mounts] == ["/dev/shm", "/tmp", "/"]  # noqa: S108
    mount = storage.mount_of("/tmp/x")  # noqa: S108
    assert mount is not None
    assert ("noexec" in mount.options, mount.size) == (True, 0)
