"""The machine itself: the only place that knows processes, absolute paths, sockets and the clock."""

import ctypes
import fcntl
import http.client
import ipaddress
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from installer.errors import LockedError, StepError

ETC = "/etc/vllm-airgap"
STATE = "/var/lib/vllm-airgap"
OPT = "/opt/vllm-airgap"
LOG = "/var/log/vllm-airgap"
PROGRAM = "/usr/local/sbin/vllm-airgap"
BINARIES = "/usr/local/bin"
UNITS = "/etc/systemd/system"
DAEMON_JSON = "/etc/docker/daemon.json"
MODELS = f"{STATE}/models"
LOCK = "/run/vllm-airgap.lock"
# Children see this and nothing of the caller's: a DOCKER_HOST, LD_PRELOAD or http_proxy there has no effect.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/root",
}
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as a shell says it


@dataclass(frozen=True)
class Output:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def succeeded(self) -> bool:
        return self.code == 0


@dataclass(frozen=True)
class Address:
    """One IPv4 address of an interface of this node."""

    interface: str
    ip: str


@dataclass
class Node:
    """One machine, below ``root``. Tests give another root and another ``execute``."""

    root: Path = Path("/")
    log: list[BinaryIO] = field(default_factory=list)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    # --- processes

    def ask(self, *command: str, timeout: float = 60) -> Output:
        """Run a command that may fail and changes nothing."""
        output = self.execute(command, None, timeout)
        self._record(command, output)
        return output

    def run(self, *command: str, stdin: Iterable[bytes] | None = None, timeout: float = 3600) -> str:
        """Run a command that must succeed; its standard output."""
        output = self.execute(command, stdin, timeout)
        self._record(command, output)
        if not output.succeeded:
            raise StepError(f"`{' '.join(command)}` ended with {output.code}: {_last_lines(output)}")
        return output.stdout

    def execute(self, command: tuple[str, ...], stdin: Iterable[bytes] | None, timeout: float) -> Output:
        """Children get a session of their own: Ctrl-C asks us to stop at a step's end, not them to die in it."""
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError:
            return Output(_NOT_FOUND, "", f"{command[0]}: not found")
        except OSError as error:
            return Output(_NOT_EXECUTABLE, "", f"{command[0]}: {error.strerror}")
        with process:
            return _converse(process, stdin, timeout)

    def become(self, command: tuple[str, ...]) -> None:
        """Replace this process; the command is logged for the unit's journal first."""
        os.execvpe(command[0], command, _ENVIRONMENT)  # noqa: S606  # no shell is wanted here

    def finds(self, program: str) -> str | None:
        """Where ``program`` is on the PATH that children get."""
        return shutil.which(program, path=_ENVIRONMENT["PATH"])

    # --- files

    def read(self, path: str) -> bytes | None:
        try:
            return self.at(path).read_bytes()
        except FileNotFoundError:
            return None

    def place(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file as a whole: aside, fsync, rename, fsync of the folder."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name},new")
        with open(aside, "wb", opener=_open_private) as file:  # Path.open has no opener
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        aside.rename(target)
        sync_folder(target.parent)
        self.relabel(path)

    def append(self, path: str, data: bytes) -> None:
        """Add whole lines, also after one that a power cut tore."""
        target = self.at(path)
        is_new = not target.exists()
        with target.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                file.write(b"\n")
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(target.parent)

    def make_private_folder(self, path: str) -> None:
        folder = self.at(path)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    def relabel(self, path: str) -> None:
        """A file made elsewhere keeps a label with which SELinux does not let systemd run it."""
        if self.at("/sys/fs/selinux/enforce").exists():
            self.ask("restorecon", "-RF", os.fspath(self.at(path)))

    def free_bytes(self, path: str) -> tuple[str, int]:
        """The mount point that ``path`` is or will be on, and its free space (f_bavail, what any user may take).

        Root could take the file system's reserve too, which is there to keep a full node running.
        """
        folder = self.at(path)
        while not folder.exists():
            folder = folder.parent
        device, mount = folder.stat().st_dev, folder
        while mount != mount.parent and mount.parent.stat().st_dev == device:
            mount = mount.parent
        space = os.statvfs(folder)
        return os.fspath(mount), space.f_bavail * space.f_frsize

    def write_problem(self, path: str) -> str | None:
        """Why nothing can be written at ``path``, by trying: read-only, immutable, root squashed; or None.

        A folder that does not exist yet is asked for in the nearest one above it that does.
        """
        folder = self.at(path)
        while not folder.exists():
            folder = folder.parent
        probe = folder / f".vllm-airgap-probe-{os.getpid()}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            return f"{folder}: {error.strerror}"
        return None

    def open_log(self, name: str) -> None:
        self.make_private_folder(LOG)
        path = self.at(f"{LOG}/{name}")
        if path.exists() and path.stat().st_size > 16 << 20:
            path.rename(path.with_name(f"{name}.1"))
        self.log.append(path.open("ab", buffering=0))

    def note(self, line: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for file in self.log:
            file.write(f"{stamp} {line}\n".encode())

    # --- the machine

    @property
    def is_root(self) -> bool:
        return os.geteuid() == 0

    @property
    def machine(self) -> str:
        return platform.machine()

    def addresses(self) -> tuple[Address, ...]:
        return read_addresses(self.ask("ip", "-o", "-4", "addr", "show").stdout)

    def connects(self, host: str, port: int, timeout: float = 3) -> bool:
        try:
            with socket.create_connection((host, port), timeout):
                return True
        except OSError:
            return False

    def http_get(self, host: str, port: int, path: str, timeout: float = 5) -> tuple[int, bytes] | None:
        """Status and body, or None while nobody answers."""
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read(1 << 20)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def clock(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One installer at a time. The file is never unlinked: two runs would then hold two locks."""
        path = self.at(LOCK)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(
                "another vllm-airgap install is running on this node", hint="wait for it, then run the command again"
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def _record(self, command: tuple[str, ...], output: Output) -> None:
        if self.log:
            self.note(f"$ {' '.join(command)} -> {output.code}")
            for line in (output.stdout + output.stderr).splitlines():
                self.note(f"  {line}")


def read_addresses(output: str) -> tuple[Address, ...]:
    """Of `ip -o -4 addr show`: lines like `2: eth0    inet 10.0.0.1/24 brd ... scope global eth0`."""
    found = []
    for line in output.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[2] == "inet":  # noqa: PLR2004
            found.append(Address(fields[1], fields[3].split("/")[0]))
    return tuple(found)


def is_node_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 address that another node could reach."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_reserved)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """All that was written to the file system of ``folder``: thousands of files one by one would take minutes.

    sync(2) waits for every other file system too, and for ever where one of them does not answer.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(folder))
    finally:
        os.close(descriptor)


def _converse(process: subprocess.Popen[bytes], stdin: Iterable[bytes] | None, timeout: float) -> Output:
    if stdin is not None:
        _feed(process, stdin)
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        stdout, stderr = process.communicate()
        stderr += f"\nno answer in {timeout:.0f} s".encode()
    return Output(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


def _feed(process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> None:
    if process.stdin is None:
        raise AssertionError
    try:
        for piece in pieces:
            process.stdin.write(piece)
    except BrokenPipeError:
        pass  # the command ended early; its exit code and message say why
    except BaseException:
        _end(process)  # what was fed is not what should be loaded
        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """With its children: they hold its output open, and go on working."""
    os.killpg(process.pid, signal.SIGKILL)


def _last_lines(output: Output) -> str:
    text = output.stderr.strip() or output.stdout.strip() or "it printed nothing"
    return " | ".join(text.splitlines()[-5:])
