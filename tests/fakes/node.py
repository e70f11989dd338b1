"""A whole machine below a temporary root: its programs have state, and one that it does not know makes it raise."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from installer.container import CONTAINER
from installer.errors import AirgapError, RebootNeededError
from installer.node import Node
from installer.resume import RESUME_UNIT
from installer.runner import halt_node, halt_serve, program, run_node, run_serve
from installer.sight import Output
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from tests.fakes.changes import Changes
from tests.fakes.docker import FakeDocker
from tests.fakes.dpkg import FakeDpkg
from tests.fakes.linux import FakeInterface, FakeLinux, FakeMount
from tests.fakes.networked import NetworkedNode, StillWaitingError
from tests.fakes.nvidia import FakeNvidia
from tests.fakes.rpm import FakeRpm
from tests.fakes.system import FakeSystem
from tests.fakes.systemd import FakeSystemd, UnitActions

_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_PROGRAMS = (
    *"date df dracut getconf getent groupadd ip iptables journalctl modinfo od readlink restorecon rmmod rpm".split(),
    *("sh", "systemctl", "uname"),
    *("gcc", "ld", "make"),
)
_FOLDERS = (*_PATH, "etc/systemd/system", "run/systemd/system", "opt", "tmp", "var/lib", "var/log")
_NOT_FOUND, _KILLED = 127, -9
_SHORTEST_PATIENCE = 2  # seconds; what waits for longer in a unit is left waiting


class FakeNode(NetworkedNode):
    """A bare machine with systemd and rpm. Public fields are what is true of it."""

    def __init__(self, root: Path, ip: str = "10.0.0.1") -> None:
        super().__init__(root, ip)
        self.changes = Changes()
        self.systemd = FakeSystemd(root, self.changes, self._after_reload, self.clock)
        self.docker = FakeDocker(root, self.changes, self.finds, self._in_container)
        self.rpm = FakeRpm(root, self.changes)
        self.dpkg = FakeDpkg(root, self.changes)
        self.nvidia = FakeNvidia(root, self.changes, lambda: bool(self.docker.containers))
        self.linux = FakeLinux(self._own_disk, self._own_interface)
        self.system = FakeSystem(self.changes, self.linux, lambda: self.ip, self.date)
        self.mtu = 1500
        self.free = 1 << 40
        self.now = 1000.0
        self.clock_seconds = 2_000_000_000  # since 1970, and so long after any bundle was made
        self.ray: list[tuple[str, int]] | None = None
        self.server: tuple[str, ...] | None = None
        self.journal: dict[str, list[str]] = {NODE_UNIT: [], SERVE_UNIT: []}
        self.on_sleep: Callable[[], None] = lambda: None
        self.on_resume: Callable[[], None] = lambda: None
        self.boots = 1
        self.in_program = False  # while another program works, which goes on when ours is killed
        self._in_unit = False
        self._set_up()

    def _set_up(self) -> None:
        for folder in _FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name in _PROGRAMS:
            self.give_program(f"/usr/bin/{name}")
        self.give_program("/usr/include/libelf.h")
        self.nvidia.plug_in(1)
        self.systemd.actions = {
            "docker.service": UnitActions(self.docker.start, self.docker.stop),
            NODE_UNIT: UnitActions(
                lambda: self._run_unit(NODE_UNIT, run_node), lambda: self._end_unit(NODE_UNIT, halt_node)
            ),
            SERVE_UNIT: UnitActions(
                lambda: self._run_unit(SERVE_UNIT, run_serve), lambda: self._end_unit(SERVE_UNIT, halt_serve)
            ),
            RESUME_UNIT: UnitActions(self._resume),
        }

    def run_kernel(self, release: str) -> None:
        self.linux.release = release

    def become_debian(self) -> None:
        """With dpkg and apt instead of rpm."""
        self.system.become_debian()
        self.at("/usr/bin/rpm").unlink()
        for name in ("apt-get", "dpkg", "dpkg-query", "env"):
            self.give_program(f"/usr/bin/{name}")

    def give_program(self, path: str, text: str = "") -> None:
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755)

    def reboot(self) -> None:
        """What was enabled starts again, what was in memory is gone."""
        self.systemd.shut_down()
        self.docker.stop()
        self.nvidia.reboot()
        self.boots += 1
        self.systemd.boot(("containerd.service", "docker.service", NODE_UNIT, SERVE_UNIT, RESUME_UNIT))

    # --- processes

    def execute(self, command: tuple[str, ...], stdin: Iterable[bytes] | None, timeout: float) -> Output:
        if self.finds(Path(command[0]).name) is None:
            return Output(_NOT_FOUND, "", f"{command[0]}: not found")
        if self._seconds_of(command) > timeout:
            return Output(_KILLED, "", f"\nno answer in {timeout:g} s", late=True)
        self.in_program = True
        try:
            return self._program(command, stdin)
        finally:
            self.in_program = False

    def _seconds_of(self, command: tuple[str, ...]) -> float:
        return self.nvidia.takes if Path(command[0]).name == "nvidia-smi" else 0

    def _program(self, command: tuple[str, ...], stdin: Iterable[bytes] | None) -> Output:
        name, arguments = Path(command[0]).name, command[1:]
        if name == "docker":
            return self.docker.command(arguments, stdin)
        if arguments == ("--version",) and name in _VERSIONS:
            return Output(0, _VERSIONS[name].format(self.at(command[0]).read_text().strip()), "")
        programs = {
            "systemctl": self.systemd.command,
            "rpm": self.rpm.command,
            "dpkg": self.dpkg.command,
            "dpkg-query": self.dpkg.query,
            "apt-get": self.dpkg.plan,
            "env": self._env,
            "sh": self.nvidia.install,
            "nvidia-smi": self.nvidia.smi,
            "nvidia-ctk": self.nvidia.configure,
            "nvidia-modprobe": self.nvidia.modprobe,
            "modinfo": self.nvidia.modinfo,
            "rmmod": self.nvidia.rmmod,
            "dracut": self.nvidia.rebuild_initramfs,
            "update-initramfs": self.nvidia.rebuild_initramfs,
            "ip": self.linux.ip,
            "df": self.linux.df,
            "od": self.linux.od,
            "readlink": self._readlink,
            "journalctl": self._journalctl,
            "restorecon": self._restorecon,
            "ping": self.ping,
            **self.system.programs,
        }
        return programs[name](arguments)

    def _env(self, arguments: tuple[str, ...]) -> Output:
        variable, *command = arguments
        assert "=" in variable
        return self._program(tuple(command), None)

    def _readlink(self, arguments: tuple[str, ...]) -> Output:
        option, path = arguments
        assert option == "-f"
        return Output(0, f"{path}\n", "")  # it has no links

    def _journalctl(self, arguments: tuple[str, ...]) -> Output:
        *_, lines, count, of, unit = arguments
        assert (lines, of) == ("-n", "-u"), arguments
        return Output(0, "".join(f"{line}\n" for line in self.journal[unit][-int(count) :]), "")

    def _restorecon(self, arguments: tuple[str, ...]) -> Output:
        options, path = arguments
        assert options == "-RF"
        self.changes.about_to(f"restorecon {os.path.relpath(path, self.root)}")
        return Output(0, "", "")

    def become(self, command: tuple[str, ...]) -> None:
        name, *arguments = command
        assert name == "docker", command
        if arguments[0] == "exec":
            self.server = command[command.index(CONTAINER) + 1 :]
            return
        output = self.docker.command(tuple(arguments), None)
        if not output.succeeded:
            raise _UnitFailedError(output.stderr.strip())

    def finds(self, name: str) -> str | None:
        places = (f"/{folder}/{name}" for folder in _PATH)
        return next((place for place in places if os.access(f"{self.root}{place}", os.X_OK)), None)

    # --- files

    def read(self, path: str) -> bytes | None:
        """What was put there, or else what the kernel shows."""
        found = super().read(path)
        if found is None and path in (shown := self._shown()):
            return shown[path].encode()
        return found

    def names(self, folder: str) -> tuple[str, ...]:
        below = f"{folder.rstrip('/')}/"
        shown = {path.removeprefix(below).split("/")[0] for path in self._shown() if path.startswith(below)}
        return tuple(sorted({*super().names(folder), *shown}))

    def _shown(self) -> dict[str, str]:
        boot = {"/proc/sys/kernel/random/boot_id": f"boot {self.boots}\n"}
        return {**self.linux.files(), **boot, "/etc/os-release": self.system.os_release}

    def _own_disk(self) -> FakeMount:
        return FakeMount("/", "/dev/vda1", size=max(1 << 41, self.free), free=self.free)

    def _own_interface(self) -> FakeInterface:
        return FakeInterface("eth0", self.ip, self.mtu)

    def place(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.changes.about_to(f"place {path}")
        super().place(path, data, mode)

    def append(self, path: str, data: bytes) -> None:
        self.changes.about_to(f"append {path}")
        super().append(path, data)

    def free_bytes(self, path: str) -> tuple[str, int]:
        mount = self.linux.mount_of(path)
        return mount.path, mount.free

    # --- the machine

    @property
    def is_root(self) -> bool:
        return self.as_root

    @property
    def machine(self) -> str:
        return self.system.arch

    @property
    def c_library(self) -> str:
        return self.system.libc

    def date(self) -> int:
        return self.clock_seconds

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if self.in_child or (self._in_unit and seconds >= _SHORTEST_PATIENCE):
            raise StillWaitingError
        self.now += seconds
        self.on_sleep()

    # --- the cluster's units

    def _run_unit(self, unit: str, run: Callable[[Node], None]) -> str:
        """A simple service is active while its program waits, and about to be started again once it failed."""
        self._in_unit = True
        try:
            run(self)
        except StillWaitingError:
            return "active"
        except (AirgapError, _UnitFailedError) as error:
            if unit == NODE_UNIT:
                self.end_child()
            self.journal[unit].append(f"error: {error}")
            return "activating"
        finally:
            self._in_unit = False
        return "active"

    def _resume(self) -> str:
        """A oneshot service is inactive once its program ended well; 20 counts as well."""
        try:
            self.on_resume()
        except RebootNeededError:
            return "inactive"
        except AirgapError:
            return "failed"
        return "inactive"

    def _end_unit(self, unit: str, halt: Callable[[Node], None]) -> None:
        """What the program of ExecStop leaves behind systemd kills; the server lives in the container."""
        try:
            halt(self)
        except AirgapError as error:
            self.journal[unit].append(f"error: {error}")
        self.server = None
        if unit == NODE_UNIT:
            self.end_child()

    def _after_reload(self) -> None:
        self.docker.lose_gpus()

    def _in_container(self, command: tuple[str, ...]) -> Output:
        assert command[:2] == ("python3", "-c"), command
        if command[2] == program("ray_nodes.py"):
            rows = None if self.ray is None else [{"ip": ip, "gpus": gpus} for ip, gpus in self.ray]
            return Output(1, "", "no Ray") if rows is None else Output(0, f"note\n{json.dumps(rows)}\n", "")
        assert command[2] == program("session_stop.py"), command
        self.server = None
        return Output(0, "", "")


class _UnitFailedError(Exception):
    """What a unit's program became ended with an error."""


_VERSIONS = {
    "gcc": "gcc (GCC) 11.4.1 20231218 (Red Hat 11.4.1-3)\n",
    "dockerd": "Docker version {}, build 0\n",
    "containerd": "containerd github.com/containerd/containerd v{} 0\n",
    "nv-fabricmanager": "Fabric Manager version is : {}\n",
}
