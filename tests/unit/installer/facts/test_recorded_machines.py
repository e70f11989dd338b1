"""Whole machines: the H100's is recorded, the H200s' is recorded but for its PCI bus, the testbed's is made up."""

from installer.facts import gather
from tests.fakes.machines import busybox, debian_of_the_testbed, host_with_two_h200
from tests.fakes.recorded_machine import recorded_machine

GIB = 1 << 30


def test_the_recorded_host_with_two_h200() -> None:
    facts = gather(host_with_two_h200())
    assert [(gpu.slot, gpu.name, gpu.memory, gpu.capability) for gpu in facts.gpus.smi] == [
        ("0000:00:06.0", "NVIDIA H200", 143771, (9, 0)),
        ("0000:00:07.0", "NVIDIA H200", 143771, (9, 0)),
    ]
    assert [gpu.slot for gpu in facts.gpus.pci] == [gpu.slot for gpu in facts.gpus.smi]
    assert (facts.gpus.brand, facts.gpus.nvswitches, facts.gpus.processes) == ("NVIDIA", 0, ())
    assert (facts.driver.loaded, facts.driver.is_open, facts.driver.on_disk) == ("580.159.04", True, "")


def test_the_recorded_machine_with_an_h100() -> None:
    facts = gather(recorded_machine("h100"))
    system, storage = facts.system, facts.storage
    assert (system.title, system.libc, system.systemd, system.cgroup) == ("Ubuntu 24.04.3 LTS", "glibc 2.39", 0, 2)
    assert (system.container, system.clock) == ("docker", 1795284799)
    assert ([mount.path for mount in storage.mounts], storage.shm) == (["/dev/shm", "/"], 128 * GIB)  # noqa: S108
    assert facts.network.interfaces == ()  # there is no `ip`
    assert [gpu.name for gpu in facts.gpus.smi] == ["NVIDIA H100 80GB HBM3"]
    assert (facts.driver.loaded, facts.driver.is_open, facts.driver.owner) == ("580.159.04", True, "")


def test_the_recorded_programs_of_busybox() -> None:
    facts = gather(busybox())
    found = [(one.name, one.mtu, one.is_up, one.addresses) for one in facts.network.interfaces]
    assert found[0] == ("lo", 65536, True, ("127.0.0.1",))
    assert found[1] == ("ifb0", 1500, False, ())
    assert found[-1] == ("eth0", 1400, True, ("192.0.2.2",))
    assert facts.network.default_route == "eth0"
    assert [mount.size for mount in facts.storage.mounts] == [264212084 << 10]


def test_a_debian_node_of_the_testbed_without_anything() -> None:
    """In a container of systemd's, with cgroup version 1 and no GPU."""
    facts = gather(debian_of_the_testbed())
    assert (facts.system.container, facts.system.cgroup, facts.system.systemd) == ("systemd-nspawn", 1, 252)
    assert (facts.network.host_addresses, facts.network.default_route) == ((), "")
    assert (facts.gpus.pci, facts.gpus.smi, facts.gpus.smi_error) == ((), (), "")
    assert (facts.driver.loaded, facts.driver.on_disk, facts.docker.dockerd) == ("", "", None)
    assert facts.network.interface_of("10.77.0.11") is not None
