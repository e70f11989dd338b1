"""Ubuntu 22.04 with apt's driver and docker, and somebody at work on its T4."""

import pytest

from installer.facts import Facts, gather
from installer.facts.docker import Container, Program
from tests.fakes.machines import ubuntu_at_work


@pytest.fixture
def ubuntu() -> Facts:
    return gather(ubuntu_at_work())


def test_an_ubuntu_with_apts_driver(ubuntu: Facts) -> None:
    driver, gpus = ubuntu.driver, ubuntu.gpus
    assert (driver.loaded, driver.on_disk, driver.is_open) == ("535.183.01", "535.183.01", False)
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
