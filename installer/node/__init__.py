"""The machine itself: only this package knows processes, absolute paths, sockets and the clock."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from installer.errors import StepError
from installer.node import answering, arp, calls, files, network, open_files, processes
from installer.node.answering import Answer, Limits
from installer.node.calls import Heard, Knock, Route
from installer.node.network import Address
from installer.node.open_files import Process
from installer.node.paths import LOCK, LOG
from installer.sight import Output


@dataclass
class Node:
    """One machine, below ``root``: the one door to it. Tests give another root and another ``execute``."""

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
            raise StepError(f"`{' '.join(command)}` ended with {output.code}: {output.last_lines}")
        return output.stdout

    def execute(self, command: tuple[str, ...], stdin: Iterable[bytes] | None, timeout: float) -> Output:
        return processes.execute(command, stdin, timeout)

    def become(self, command: tuple[str, ...]) -> None:
        """Replace this process; the caller has told the unit's journal by what."""
        processes.become(command)

    def beside(self, work: Callable[[], None]) -> None:
        """``work`` goes on in a child, which ends with this process, or with what this process becomes."""
        processes.beside(work)

    def finds(self, program: str) -> str | None:
        """Where ``program`` is on the PATH that children get."""
        return processes.find_program(program)

    def with_open(self, prefix: str) -> tuple[Process, ...]:
        """The processes that have a file open whose path begins with ``prefix``."""
        return tuple(open_files.processes_with_open(self.at("/proc"), prefix))

    # --- files

    def read(self, path: str) -> bytes | None:
        try:
            return self.at(path).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> tuple[str, ...]:
        """What is in a folder, sorted; nothing where there is none."""
        try:
            return tuple(sorted(os.listdir(self.at(folder))))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def place(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file as a whole, and label it."""
        files.place(self.at(path), data, mode)
        self.relabel(path)

    def append(self, path: str, data: bytes) -> None:
        """Add whole lines, also after one that a power cut tore."""
        files.append(self.at(path), data)

    def make_private_folder(self, path: str) -> None:
        files.make_private_folder(self.at(path))

    def relabel(self, path: str) -> None:
        """A file made elsewhere keeps a label with which SELinux does not let systemd run it."""
        if self.at("/sys/fs/selinux/enforce").exists():
            self.ask("restorecon", "-RF", os.fspath(self.at(path)))

    def free_bytes(self, path: str) -> tuple[str, int]:
        """The mount point that ``path`` is or will be on, and the bytes that any user may take there."""
        return files.free_bytes(self.at(path))

    def write_problem(self, path: str) -> str | None:
        """Why nothing can be written at ``path``, by trying, or None."""
        return files.write_problem(self.at(path))

    def lock(self) -> AbstractContextManager[None]:
        """One installer at a time; raises LockedError."""
        return files.lock(self.at(LOCK))

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
        """As `uname -m` says it."""
        return platform.machine()

    @property
    def kernel(self) -> str:
        """As `uname -r` says it."""
        return (self.read("/proc/sys/kernel/osrelease") or b"").decode(errors="replace").strip()

    @property
    def c_library(self) -> str:
        """Like "glibc 2.17"; empty where it is another one."""
        try:
            return os.confstr("CS_GNU_LIBC_VERSION") or ""
        except (OSError, ValueError):
            return ""

    def addresses(self) -> tuple[Address, ...]:
        return network.read_addresses(self.ask("ip", "-o", "-4", "addr", "show").stdout)

    def connects(self, host: str, port: int, timeout: float = 3) -> bool:
        return network.connects(host, port, timeout)

    def http_get(self, host: str, port: int, path: str, timeout: float = 5) -> tuple[int, bytes] | None:
        """Status and body, or None while nobody answers."""
        return network.http_get(host, port, path, timeout)

    # --- other nodes

    def knock(self, route: Route) -> Knock:
        """Whether a port opens."""
        return calls.knock(route)

    def knock_all(self, source: str, host: str, ports: Sequence[int]) -> tuple[Knock, ...]:
        """Whether ports open, in their order; takes as long as the slowest."""
        return calls.knock_all(source, host, ports)

    def answers_arp(self, interface: str, own: str, peer: str) -> bool:
        """Whether a machine with that address is on the same link; False where nobody may ask."""
        return arp.answers(interface, own, peer)

    def other_holder(self, interface: str, ip: str) -> str:
        """The MAC address of another machine that has this node's address too; "" also where nobody may ask."""
        places = (self.read(f"/sys/class/net/{name}/address") for name in self.names("/sys/class/net"))
        ours = {(mac or b"").decode("ascii", "replace").strip() for mac in places}
        return arp.other_holder(interface, ip, ours)  # any interface of ours may answer for any address of ours

    def asked(self, route: Route, question: bytes, largest: int, seconds: float) -> AbstractContextManager[Heard]:
        """One question and what came of the answer, at most ``largest`` bytes. Raises NoAnswerError."""
        return calls.asked(route, question, largest, seconds)

    def open_ports(
        self, ip: str, wanted: Iterable[int], free: int, avoid: Iterable[int]
    ) -> AbstractContextManager[tuple[int, ...]]:
        """Those ``wanted`` that nobody has at this address, and ``free`` that the kernel chooses, none of ``avoid``."""
        return calls.open_ports(ip, wanted, free, avoid)

    def answer_calls(self, ip: str, port: int, answer: Answer, limits: Limits, goes_on: Callable[[], bool]) -> None:
        """Until ``goes_on`` says no. Raises OSError where the port cannot be had."""
        answering.answer_calls(ip, port, answer, limits, goes_on)

    # --- time

    def date(self) -> int:
        """Seconds since 1970, as this node has them."""
        return int(time.time())

    def clock(self) -> float:
        """Seconds of CLOCK_MONOTONIC, which systemd counts by too."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _record(self, command: tuple[str, ...], output: Output) -> None:
        if self.log:
            self.note(f"$ {' '.join(command)} -> {output.code}")
            for line in (output.stdout + output.stderr).splitlines():
                self.note(f"  {line}")
