"""What a Linux shows in /proc and /sys, and the small programs that print it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from installer.sight import Output

_KIB = 1024
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@dataclass(frozen=True)
class FakeMount:
    """Bytes. ``free`` is what any user may take."""

    path: str
    device: str = "/dev/vdb1"
    kind: str = "xfs"
    options: str = "rw,relatime"
    size: int = 1 << 41
    free: int = 1 << 40


@dataclass(frozen=True)
class FakeInterface:
    """``address`` "" has none; one that is not ``up`` has no carrier."""

    name: str
    address: str = ""
    mtu: int = 1500
    up: bool = True


@dataclass
class FakeLinux:
    """``root`` and ``eth0`` are the node's own disk and interface; ``mounts`` and ``interfaces`` come on top of them.

    ``listeners`` are (IPv4 address, port). ``secure_boot`` None is a BIOS.
    """

    root: Callable[[], FakeMount]
    eth0: Callable[[], FakeInterface]
    release: str = "5.14.0-427.el9.x86_64"
    hostname: str = "node1"
    command_line: str = "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet"
    memory: int = 256 << 30
    memory_available: int = 250 << 30
    swap: int = 0
    shm: int = 128 << 30
    mounts: list[FakeMount] = field(default_factory=list)
    interfaces: list[FakeInterface] = field(default_factory=list)
    default_route: str = "eth0"
    routed: set[str] = field(default_factory=set)  # addresses behind a router
    listeners: list[tuple[str, int]] = field(default_factory=lambda: [("0.0.0.0", 22)])  # noqa: S104  # nobody listens
    ephemeral_ports: tuple[int, int] = (32768, 60999)
    rdma: list[str] = field(default_factory=list)
    cgroup: int = 2
    headers: bool = True  # those of the running kernel
    secure_boot: bool | None = None

    def files(self) -> dict[str, str]:
        low, high = self.ephemeral_ports
        return {
            "/proc/sys/kernel/osrelease": f"{self.release}\n",
            "/proc/sys/kernel/hostname": f"{self.hostname}\n",
            "/proc/sys/net/ipv4/ip_local_port_range": f"{low}\t{high}\n",
            "/proc/cmdline": f"{self.command_line}\n",
            "/proc/meminfo": self._meminfo(),
            "/proc/mounts": self._mount_lines(),
            "/proc/net/tcp": self._sockets(),
            "/proc/net/tcp6": "  sl  local_address remote_address st\n",
            **{f"/sys/class/infiniband/{name}/node_type": "1: CA\n" for name in self.rdma},
            **({f"/lib/modules/{self.release}/build/Makefile": ""} if self.headers else {}),
            **({} if self.secure_boot is None else {_SECURE_BOOT: "\x06\0\0\0" + "\0\1"[self.secure_boot]}),
        }

    def mount_of(self, path: str) -> FakeMount:
        above = [mount for mount in self._all_mounts() if f"{path}/".startswith(f"{mount.path.rstrip('/')}/")]
        return max(above, key=lambda mount: len(mount.path))

    # --- programs

    def df(self, arguments: tuple[str, ...]) -> Output:
        assert arguments in {("-kP",), ("-klP",)}, arguments
        rows = (
            f"{one.device} {one.size // _KIB} {(one.size - one.free) // _KIB} {one.free // _KIB} 9% {one.path}"
            for one in self._all_mounts()
        )
        return Output(0, "\n".join(["Filesystem 1024-blocks Used Available Capacity Mounted on", *rows, ""]), "")

    def ip(self, arguments: tuple[str, ...]) -> Output:
        if arguments[:3] == ("-4", "route", "get"):
            peer, word, own = arguments[3:]
            assert word == "from"
            via = "via 10.0.0.254 " if peer in self.routed else ""
            return Output(0, f"{peer} from {own} {via}dev eth0 uid 0 \n    cache \n", "")
        shown = {
            ("-o", "-4", "addr", "show"): self._addresses,
            ("-o", "link", "show"): self._links,
            ("-4", "route", "show", "default"): self._route,
        }
        return Output(0, shown[arguments](), "")

    def od(self, arguments: tuple[str, ...]) -> Output:
        options, path = arguments[:-1], arguments[-1]
        assert options == ("-An", "-tu1"), options
        return Output(0, "".join(f"{ord(letter):4}" for letter in self.files()[path]) + "\n", "")

    # --- what they print

    def _all_mounts(self) -> list[FakeMount]:
        shm = FakeMount("/dev/shm", "tmpfs", "tmpfs", "rw,nosuid,nodev", self.shm, self.shm)  # noqa: S108
        return [self.root(), shm, *self.mounts]

    def _all_interfaces(self) -> list[FakeInterface]:
        return [FakeInterface("lo", "127.0.0.1", 65536), self.eth0(), *self.interfaces]

    def _mount_lines(self) -> str:
        cgroup = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n" if self.cgroup == 2 else _CGROUP_1
        lines = (f"{mount.device} {mount.path} {mount.kind} {mount.options} 0 0\n" for mount in self._all_mounts())
        return "proc /proc proc rw 0 0\n" + cgroup + "".join(lines)

    def _meminfo(self) -> str:
        told = {"MemTotal": self.memory, "MemAvailable": self.memory_available, "SwapTotal": self.swap}
        return "".join(f"{name + ':':16}{size // _KIB} kB\n" for name, size in told.items())

    def _sockets(self) -> str:
        lines = ["  sl  local_address rem_address   st tx_queue rx_queue"]
        for number, (address, port) in enumerate(self.listeners):
            packed = "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
            lines.append(f"{number:4}: {packed}:{port:04X} 00000000:0000 0A 00000000:00000000")
        return "\n".join([*lines, ""])

    def _addresses(self) -> str:
        return "".join(
            f"{number}: {one.name}    inet {one.address}/24 scope global {one.name}\\       valid_lft forever\n"
            for number, one in enumerate(self._all_interfaces(), 1)
            if one.address
        )

    def _links(self) -> str:
        return "".join(
            f"{number}: {one.name}: <BROADCAST,MULTICAST,UP{',LOWER_UP' if one.up else ''}> mtu {one.mtu} qdisc mq "
            f"state {'UP' if one.up else 'DOWN'} mode DEFAULT group default\\    link/ether 52:54:00:00:00:01\n"
            for number, one in enumerate(self._all_interfaces(), 1)
        )

    def _route(self) -> str:
        return f"default via 10.0.0.254 dev {self.default_route} proto static \n" if self.default_route else ""


_CGROUP_1 = (
    "tmpfs /sys/fs/cgroup tmpfs ro,mode=755 0 0\n"
    "cgroup /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
)
