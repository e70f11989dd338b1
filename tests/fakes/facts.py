"""A node on which nothing is wrong, as facts: tests replace what their check looks at."""

from dataclasses import replace

from installer.facts import Facts
from installer.facts.docker import DockerFacts
from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts, PciGpu, SmiGpu
from installer.facts.network import Interface, Listener, NetworkFacts
from installer.facts.storage import Mount, StorageFacts
from installer.facts.system import SystemFacts

GIB = 1 << 30
KERNEL = "5.14.0-427.el9.x86_64"
DRIVER = "550.127.08"
_PROGRAMS = ("dracut", "getent", "ip", "iptables", "restorecon", "rpm", "systemctl")

ROOT = Mount("/", "/dev/sda2", "xfs", ("rw", "relatime"), 500 * GIB, 400 * GIB)
T4 = SmiGpu(
    index=0,
    uuid="GPU-00000000-0000-0000-0000-000000000001",
    name="Tesla T4",
    driver=DRIVER,
    memory=15360,
    used=0,
    capability=(7, 5),
    slot="0000:00:06.0",
    mig=False,
    persistence=True,
    ecc=True,
)
PCI_T4 = PciGpu("0000:00:06.0", "1eb8", "nvidia")

GOOD_NODE = Facts(
    system=SystemFacts(
        distribution="rocky",
        like=("rhel", "centos", "fedora"),
        release="9.4",
        title="Rocky Linux 9.4 (Blue Onyx)",
        kernel=KERNEL,
        machine="x86_64",
        libc="glibc 2.34",
        systemd=252,
        cgroup=2,
        container="",
        selinux="enforcing",
        secure_boot=False,
        clock=2_000_000_000,
        programs={name: f"/usr/bin/{name}" for name in _PROGRAMS},
    ),
    storage=StorageFacts((ROOT,), 256 * GIB, 250 * GIB, 0, 128 * GIB),
    network=NetworkFacts(
        interfaces=(Interface("lo", 65536, True, ("127.0.0.1",)), Interface("eth0", 1500, True, ("10.0.0.1",))),  # noqa: FBT003
        default_route="",
        hostname="node1",
        host_addresses=("10.0.0.1",),
        listeners=(Listener("0.0.0.0", 22),),  # noqa: S104  # nobody listens
        rdma=(),
        firewalld=False,
        ufw=False,
        ephemeral_ports=(32768, 60999),
    ),
    gpus=GpuFacts((PCI_T4,), 0, (T4,), (), "", "Tesla"),
    driver=DriverFacts(
        loaded=DRIVER,
        on_disk=DRIVER,
        is_open=False,
        owner="",
        nouveau_loaded=False,
        nouveau_blocked=False,
        headers=True,
        compiler="/usr/bin/cc",
        make="/usr/bin/make",
        linker="/usr/bin/ld",
        dkms="",
        fabric_manager="",
        fabric_manager_active=False,
        persistenced_active=True,
        display_server=False,
    ),
    docker=DockerFacts(None, None, None, "", "", "", "", "", (), (), kubelet=False, selinux=False),
)


def without_driver(facts: Facts) -> Facts:
    """As before the first install: the PCI bus alone tells of GPUs."""
    driver = replace(facts.driver, loaded="", on_disk="", persistenced_active=False)
    return replace(facts, driver=driver, gpus=replace(facts.gpus, smi=(), brand=""))
