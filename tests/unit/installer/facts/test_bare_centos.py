"""CentOS 7.9 as it comes, with two T4 and no driver."""

import pytest

from installer.facts import Facts, gather
from tests.fakes.machines import bare_centos


@pytest.fixture
def centos() -> Facts:
    return gather(bare_centos())


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


def test_the_xfs_of_an_old_disk_has_no_file_types(centos: Facts) -> None:
    told = {mount.path: mount.tells_types for mount in centos.storage.mounts if mount.kind == "xfs"}
    assert told == {"/": True, "/boot": True, "/srv": False, "/my data*": True}
