"""A whole machine below a temporary root: its programs have state, and one that it does not know makes it raise."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from installer.container import CONTAINER
from installer.errors import AirgapError
from installer.node import Node
from installer.sight import Output
from installer.runner import halt_node, halt_serve, program, run_node, run_serve
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from tests.fakes.changes import Changes
from tests.fakes.docker import FakeDocker
from tests.fakes.dpkg import FakeDpkg
from tests.fakes.nvidia import FakeNvidia
from tests.fakes.rpm import FakeRpm
from tests.fakes.systemd import FakeSystemd, UnitActions

_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_PROGRAMS = ("getent", "groupadd", "ip", "iptables", "journalctl", "restorecon", "rpm", "sh", "systemctl")
_FOLDERS = (*_PATH, "etc/systemd/system", "run/systemd/system", "opt", "tmp", "var/lib", "var/log")
_NOT_FOUND = 127
_SHORTEST_PATIENCE = 2  # seconds; what waits for longer in a unit is left waiting


class StillWaitingError(BaseException):
    """A unit's program waits for something; the machine goes on without it."""


class FakeNode(Node):
    """A bare machine with systemd and rpm at ``ip`` on eth0. Public fields are what is true of it."""

    def __init__(self, root: Path, ip: str = "10.0.0.1") -> None:
        super().__init__(root=root)
        self.changes = Changes()
        self.systemd = FakeSystemd(root, self.changes, self._after_reload, self.clock)
        self.docker = FakeDocker(root, self.changes, self.finds, self._in_container)
        self.rpm = FakeRpm(root, self.changes)
        self.dpkg = FakeDpkg(root, self.changes)
        self.nvidia = FakeNvidia(root, self.changes, lambda: bool(self.docker.containers))
        self.ip = ip
        self.arch = "x86_64"
        self.libc = "glibc 2.36"
        self.as_root = True
        self.groups = {"root"}
        self.free = 1 << 40
        self.now = 1000.0
        self.reachable: set[tuple[str, int]] = set()
        self.web: dict[str, tuple[int, bytes]] = {}
        self.ray: list[tuple[str, int]] | None = None
        self.server: tuple[str, ...] | None = None
        self.journal: dict[str, list[str]] = {NODE_UNIT: [], SERVE_UNIT: []}
        self.on_sleep: Callable[[], None] = lambda: None
        self.in_program = False  # while another program works, which goes on when ours is killed
        self._in_unit = False
        self._set_up()

    def _set_up(self) -> None:
        for folder in _FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name in _PROGRAMS:
            self.give_program(f"/usr/bin/{name}")
        self.systemd.actions = {
            "docker.service": UnitActions(self.docker.start, self.docker.stop),
            NODE_UNIT: UnitActions(
                lambda: self._run_unit(NODE_UNIT, run_node), lambda: self._end_unit(NODE_UNIT, halt_node)
            ),
            SERVE_UNIT: UnitActions(
                lambda: self._run_unit(SERVE_UNIT, run_serve), lambda: self._end_unit(SERVE_UNIT, halt_serve)
            ),
        }

    def run_kernel(self, release: str) -> None:
        self.give_program("/proc/sys/kernel/osrelease", f"{release}\n")

    def become_debian(self) -> None:
        """With dpkg and apt instead of rpm."""
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
        if self.finds("nvidia-smi"):
            self.nvidia.reboot()
        self.systemd.boot(("containerd.service", "docker.service", NODE_UNIT, SERVE_UNIT))

    # --- processes

    def execute(self, command: tuple[str, ...], stdin: Iterable[bytes] | None, timeout: float) -> Output:  # noqa: ARG002  # nothing here takes time
        if self.finds(Path(command[0]).name) is None:
            return Output(_NOT_FOUND, "", f"{command[0]}: not found")
        self.in_program = True
        try:
            return self._program(command, stdin)
        finally:
            self.in_program = False

    def _program(self, command: tuple[str, ...], stdin: Iterable[bytes] | None) -> Output:
        name, arguments = Path(command[0]).name, command[1:]
        if name == "docker":
            return self.docker.command(arguments, stdin)
        if name == "dockerd":
            return Output(0, f"Docker version {self.at(command[0]).read_text()}, build 0\n", "")
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
            "ip": self._ip,
            "getent": self._getent,
            "groupadd": self._groupadd,
            "journalctl": self._journalctl,
            "restorecon": self._restorecon,
        }
        return programs[name](arguments)

    def _env(self, arguments: tuple[str, ...]) -> Output:
        variable, *command = arguments
        assert "=" in variable
        return self._program(tuple(command), None)

    def _ip(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == ("-o", "-4", "addr", "show"), arguments
        return Output(0, _ADDRESSES.format(ip=self.ip), "")

    def _getent(self, arguments: tuple[str, ...]) -> Output:
        database, name = arguments
        assert database == "group"
        return Output(0 if name in self.groups else 2, "", "")

    def _groupadd(self, arguments: tuple[str, ...]) -> Output:
        option, name = arguments
        assert option == "--system"
        self.changes.about_to(f"groupadd {name}")
        self.groups.add(name)
        return Output(0, "", "")

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

    def place(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.changes.about_to(f"place {path}")
        super().place(path, data, mode)

    def append(self, path: str, data: bytes) -> None:
        self.changes.about_to(f"append {path}")
        super().append(path, data)

    def free_bytes(self, path: str) -> tuple[str, int]:  # noqa: ARG002  # it has one file system
        return "/", self.free

    # --- the machine

    @property
    def is_root(self) -> bool:
        return self.as_root

    @property
    def machine(self) -> str:
        return self.arch

    @property
    def c_library(self) -> str:
        return self.libc

    def connects(self, host: str, port: int, timeout: float = 3) -> bool:  # noqa: ARG002
        return (host, port) in self.reachable

    def http_get(
        self,
        host: str,
        port: int,
        path: str,
        timeout: float = 5,  # noqa: ARG002
    ) -> tuple[int, bytes] | None:
        return self.web.get(f"{host}:{port}{path}")

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if self._in_unit and seconds >= _SHORTEST_PATIENCE:
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
            self.journal[unit].append(f"error: {error}")
            return "activating"
        finally:
            self._in_unit = False
        return "active"

    def _end_unit(self, unit: str, halt: Callable[[Node], None]) -> None:
        """What the program of ExecStop leaves behind systemd kills; the server lives in the container."""
        try:
            halt(self)
        except AirgapError as error:
            self.journal[unit].append(f"error: {error}")
        self.server = None

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


_ADDRESSES = (
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n"
    "2: eth0    inet {ip}/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever\n"
)
