"""Whether the machine and its system are such as an install needs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from installer.index.settings import size_in_bytes
from installer.preflight.brought import brings
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.situation import GIB, Situation, release_of

_APPLICATION_CONTAINERS = ("docker", "podman")
# Packages that have a program, by the names that distributions and NVIDIA give them.
_PACKAGES = {
    "iptables": r"iptables(-nft|-legacy)?",
    "nvidia-ctk": r"nvidia-container-toolkit(-base)?",
    "restorecon": r"policycoreutils",
}
# What has them, in words for a node that can fetch nothing: a bundle, or the distribution's own medium.
_OTHER_PACKAGES = "take a bundle for this node's kind of packages, or one without `toolkit:` and `packages:`"
_REMEDIES = {
    "systemctl": "install on a node that systemd runs",
    "ip": "install iproute (iproute2) from this node's distribution; what the bundle brings comes too late for it",
    "iptables": "install iptables from this node's distribution, or add it to `packages:` of the manifest",
    "nvidia-ctk": "build the bundle with `toolkit:`, or with nvidia-container-toolkit in `packages:`",
    "rpm": _OTHER_PACKAGES,
    "apt-get": _OTHER_PACKAGES,
    "dpkg": _OTHER_PACKAGES,
}
_MONITOR = "RAY_memory_monitor_refresh_ms"
_DAY = 24 * 60 * 60  # seconds; a node in another time zone has no clock that stands wrong


def machine(at: Situation) -> Iterator[Finding]:
    if at.facts.system.machine != at.index.target.arch:
        yield problem(
            "machine",
            f"this node is {at.facts.system.machine}, the bundle is for {at.index.target.arch}",
            "take the bundle built for this machine",
        )


def libc(at: Situation) -> Iterator[Finding]:
    """A C library that is not glibc tells no version."""
    found, least = at.facts.system.libc, at.index.target.glibc
    if not found.startswith("glibc ") or release_of(found.split()[-1]) < release_of(least):
        yield problem(
            "libc",
            f"this node has {found or 'no glibc'}, the bundle needs glibc {least} or newer",
            "take a bundle that was built on this node's distribution, or on an older one",
        )


def packages(at: Situation) -> Iterator[Finding]:
    """A node with both kinds, or with none, is for another check."""
    has, wanted = at.facts.system.programs, at.index.target.packages
    other, wrong = ("deb", "dpkg") if wanted == "rpm" else ("rpm", "rpm")
    right = "rpm" if wanted == "rpm" else "dpkg"
    if (at.index.toolkit or at.index.packages) and right not in has and wrong in has:
        yield problem(
            "packages",
            f"this node has {other} packages, the bundle brings {wanted} ones",
            f"take a bundle with `target: {{packages: {other}}}`, or one without `toolkit:` and `packages:`",
        )


def root(at: Situation) -> Iterator[Finding]:
    if not at.is_root:
        yield problem("root", "not root: an install changes the system", "run the same command with sudo")


def systemd(at: Situation) -> Iterator[Finding]:
    if not at.facts.system.systemd:
        yield problem("systemd", "systemd does not run this node", "install on the node itself, not in a container")


def container(at: Situation) -> Iterator[Finding]:
    """Those of docker and podman end with their program; others can be whole machines, but have the host's kernel."""
    mark = at.facts.system.container
    if mark in _APPLICATION_CONTAINERS or (mark and not at.facts.system.systemd):
        yield problem("container", f"this is a container of {mark}", "install on the node itself")
    elif mark and at.index.driver:
        yield warning(
            "container",
            f"this is a container of {mark}: driver and kernel are its host's, and cannot be changed from inside",
            "see to the driver on the host, and build the bundle without `driver:`",
        )


def programs(at: Situation) -> Iterator[Finding]:
    """Where the bundle has no driver, `own-driver` asks for nvidia-smi, and for its answer."""
    needed = ["systemctl", "ip", "iptables"]
    if at.index.toolkit or at.index.packages:
        needed += ["rpm"] if at.index.target.packages == "rpm" else ["apt-get", "dpkg"]
    needed += [] if at.index.toolkit else ["nvidia-ctk"]
    for program in needed:
        if not _will_have(at, program):
            yield problem("programs", f"{program} is not on this node", _REMEDIES[program])


def _will_have(at: Situation, program: str) -> bool:
    """Packages are installed before anything calls their programs."""
    return program in at.facts.system.programs or (program in _PACKAGES and brings(at, _PACKAGES[program]))


def selinux(at: Situation) -> Iterator[Finding]:
    """A program copied from elsewhere keeps a label with which systemd may not run it (203/EXEC)."""
    if at.facts.system.selinux == "enforcing" and not _will_have(at, "restorecon"):
        yield problem(
            "selinux",
            "SELinux is enforcing, and without restorecon what is installed cannot be labelled and will not start",
            "install policycoreutils from this node's distribution, or add it to `packages:` of the manifest; or: "
            "setenforce 0",
        )


def clock(at: Situation) -> Iterator[Finding]:
    """The image was made before its bundle, so a clock before that stands wrong. Logs and `make` suffer."""
    made, now = at.index.image.made_at, at.facts.system.clock
    if now + _DAY < made:
        yield warning(
            "clock",
            f"this node's clock says {_day(now)}, but the bundle's image was made on {_day(made)}",
            "timedatectl set-ntp false, which forbids it else, then on every node: timedatectl set-time "
            "'YYYY-MM-DD HH:MM:SS'",
        )


def memory(at: Situation) -> Iterator[Finding]:
    """Weights pass through the page cache while they are loaded; the shared memory of the container is RAM."""
    shared = size_in_bytes(at.index.cluster.shm_size)
    weights = sum(file.size for file in at.index.of_kind("model")) // at.index.cluster.nodes
    found, left = at.facts.storage.memory, at.facts.storage.memory_available
    needed = (
        f"its share of the weights is {weights / GIB:.1f} GiB and the container's shared memory {shared / GIB:.1f} "
        "GiB: loading may take long or be killed"
    )
    if found and found < weights + shared:
        yield warning(
            "memory",
            f"this node has {found / GIB:.1f} GiB of RAM; {needed}",
            "add memory, or make the shared memory smaller: --set shm_size=4g",
        )
    elif found and left < weights + shared and not at.cluster_runs:
        yield warning(
            "memory",
            f"of this node's {found / GIB:.1f} GiB of RAM others leave {left / GIB:.1f} GiB; {needed}",
            "ps -eo rss,pid,args --sort=-rss | head tells who has it: stop what need not run",
        )


def memory_monitor(at: Situation) -> Iterator[Finding]:
    """Of a container without a limit it judges by the whole machine's memory, page cache and all (ray#59796)."""
    cluster = at.index.cluster
    if at.facts.system.cgroup == 1 and cluster.backend == "ray" and cluster.env.get(_MONITOR) != "0":
        yield warning(
            "memory-monitor",
            "this node has cgroup version 1, where Ray's memory monitor may take the page cache, which the weights "
            "fill, for used memory and kill the server's workers (killed due to memory pressure, OOM)",
            f'build the bundle with {_MONITOR}: "0" in cluster.env',
        )


def shm(at: Situation) -> Iterator[Finding]:
    """Docker's --shm-size gives the container a tmpfs of its own, of the same RAM as the host's."""
    shared, found = size_in_bytes(at.index.cluster.shm_size), at.facts.storage.memory
    if found and shared > found // 2:
        yield warning(
            "shm",
            f"shm_size is {at.index.cluster.shm_size}, more than half of this node's {found / GIB:.1f} GiB of RAM",
            "--set shm_size=SIZE with half of the RAM or less",
        )
    if not at.facts.storage.shm:
        yield warning("shm", "this node has no /dev/shm", "mount -t tmpfs tmpfs /dev/shm")


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
