"""Whole machines: the H100's is recorded, the H200s' is recorded but for its PCI bus, the testbed's is made up."""

from installer.facts import gather
from tests.fakes.questions import ADDRESSES, DEFAULT_ROUTE, LINKS, SMI_BRAND, SMI_PROCESSES, smi_query
from tests.fakes.recorded_machine import RECORDED, RecordedMachine, programs, recorded_machine, said, states

GIB = 1 << 30


def test_the_recorded_host_with_two_h200() -> None:
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
    facts = gather(RecordedMachine(programs("nvidia-smi"), files, answers))
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
    told = {path.stem: said(path.read_text()) for path in (RECORDED / "busybox").iterdir()}
    answers = {("df", "-kP"): told["df"], ADDRESSES: told["addr"], LINKS: told["link"], DEFAULT_ROUTE: told["route"]}
    facts = gather(RecordedMachine(programs("df ip"), {"/proc/mounts": "/dev/vda / ext4 rw 0 0\n"}, answers))
    found = [(one.name, one.mtu, one.is_up, one.addresses) for one in facts.network.interfaces]
    assert found[0] == ("lo", 65536, True, ("127.0.0.1",))
    assert found[1] == ("ifb0", 1500, False, ())
    assert found[-1] == ("eth0", 1400, True, ("192.0.2.2",))
    assert facts.network.default_route == "eth0"
    assert [mount.size for mount in facts.storage.mounts] == [264212084 << 10]


def test_a_debian_node_of_the_testbed_without_anything() -> None:
    """In a container of systemd's, with cgroup version 1 and no GPU."""
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
    facts = gather(RecordedMachine(programs(names), files, answers))
    assert (facts.system.container, facts.system.cgroup, facts.system.systemd) == ("systemd-nspawn", 1, 252)
    assert (facts.network.host_addresses, facts.network.default_route) == ((), "")
    assert (facts.gpus.pci, facts.gpus.smi, facts.gpus.smi_error) == ((), (), "")
    assert (facts.driver.loaded, facts.driver.on_disk, facts.docker.dockerd) == ("", "", None)
    assert facts.network.interface_of("10.77.0.11") is not None
