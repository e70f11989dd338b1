"""A node: a machine of its own with systemd as process 1, in a namespace of the site's network."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path, PurePosixPath
from typing import IO

from testbed import trees
from testbed.cgroups import ControlGroup
from testbed.commands import CommandError, TestbedError, last_lines, run
from testbed.network import NAMESPACES, Network
from testbed.outside import ADDRESS, Outside

BOOT_SECONDS = 120
OFF_SECONDS = 90
MEDIUM = PurePosixPath("/media/usb")
NSPAWN = Path("/run/systemd/nspawn")  # where it keeps something of each machine, and leaves it
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class Node:
    """``create`` once, then ``boot`` and ``power_off`` as often as wanted, ``remove`` at last."""

    def __init__(
        self, name: str, address: str, network: Network, *, build: Path, outside: Outside | None = None
    ) -> None:
        self.name = name
        self.address = address
        self.network = network
        self.outside = outside
        self.folder = build.absolute() / "nodes" / network.namespace(name)
        self.root = self.folder / "root"
        self.console = self.folder / "console.log"
        self._media = self.folder / "media"
        self._cgroup = ControlGroup(f"testbed-{network.namespace(name)}")
        self._nspawn: subprocess.Popen[bytes] | None = None

    def create(self, node_root: Path) -> None:
        """A fresh machine, switched off; one of that name that an earlier run left is gone."""
        self.remove()
        self._media.mkdir(parents=True)
        run("cp", "--archive", "--reflink=auto", str(node_root), str(self.root))
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        if self.outside:
            (self.root / "etc/resolv.conf").write_text(f"nameserver {ADDRESS}\n")

    def boot(self) -> None:
        """Until systemd has nothing left to start; units that failed are the caller's to judge."""
        if self.is_on():
            raise TestbedError(f"{self.name} is on already")
        self._cgroup.create()
        self.network.attach(self.name, self.address)
        if self.outside:
            self.outside.lead_out(self.name)
        with self.console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                self._cgroup.entering(*self._machine()),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self._wait_for_boot()

    def is_on(self) -> bool:
        return self._find_leader() is not None

    def power_off(self) -> None:
        """As if the plug were pulled: every process is killed at once, none is told.

        What programs wrote is in the host's page cache and survives; loss of unsynced data is not tested by this.
        """
        leader = self._find_leader()
        if leader is not None:
            os.kill(leader, signal.SIGKILL)  # the kernel kills the whole machine with its process 1
        self._cgroup.remove()
        self._reap()
        self.network.detach(self.name)

    def wait_until_off(self) -> None:
        """It goes off by itself, or for a reboot that something in it asked for: then ``boot`` is the caller's."""
        deadline = time.monotonic() + OFF_SECONDS
        while self.is_on():
            if time.monotonic() > deadline:
                raise TestbedError(f"{self.name} does not shut down\n{self._console_end()}")
            time.sleep(0.1)
        self.power_off()

    def remove(self) -> None:
        self.power_off()
        self._forget_machine()
        run("rm", "--recursive", "--force", str(self.folder))  # a third faster than shutil

    def run(
        self,
        *command: str,
        check: bool = True,
        timeout: float = 600,
        stdin: IO[bytes] | str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """As root in the node; its standard output and error are two texts."""
        process = self._start(command, stdin=self._source(stdin), stderr=subprocess.PIPE)
        said = stdin.encode() if isinstance(stdin, str) else None
        try:
            out, err = process.communicate(said, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            said_so_far = (out + err).decode(errors="replace")
            raise CommandError((self.name, *command), f"{said_so_far}\nstill running after {timeout} s") from None
        texts = (out.decode(errors="replace"), err.decode(errors="replace"))
        if check and process.returncode != 0:
            raise CommandError((self.name, *command), f"{''.join(texts)}\nexit status {process.returncode}")
        return subprocess.CompletedProcess(command, process.returncode, *texts)

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        """In the background; its output and errors are one pipe, for the caller to read."""
        return self._start(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    def entering(self, *command: str) -> tuple[str, ...]:
        """What to run on the host to have ``command`` run in the node."""
        every_namespace = ("-m", "-u", "-i", "-n", "-p", "-C")
        enter = ("nsenter", f"--target={self.leader()}", *every_namespace, "--")
        return self._cgroup.entering(*enter, *command)

    def carry(self, source: Path) -> PurePosixPath:
        """Puts a file or folder on the medium in the node's drive, read-only there; works while it runs."""
        target = self._media / source.name
        if target.exists():
            raise TestbedError(f"{source.name} is on the medium of {self.name} already")
        trees.link_tree(source, target)
        return MEDIUM / source.name

    def eject(self, name: str) -> None:
        """Takes what ``carry`` brought off the medium."""
        trees.remove(self._media / name)

    def tree_digest(self, *paths: str, without: tuple[str, ...] = trees.RESTLESS) -> dict[str, str]:
        """By path: kind, mode, owner and content of everything below ``paths``, as the node sees it."""
        return trees.describe(Path(f"/proc/{self.leader()}/root"), paths, without)

    def leader(self) -> int:
        """The host's number of the node's process 1."""
        found = self._find_leader()
        if found is None:
            raise TestbedError(f"{self.name} is off\n{self._console_end()}")
        return found

    def _forget_machine(self) -> None:
        propagate = NSPAWN / "propagate" / self.network.namespace(self.name)
        if propagate.exists():
            propagate.rmdir()
        if self.root.exists():
            root = self.root.stat()
            (NSPAWN / f"locks/inode-{root.st_dev}:{root.st_ino}").unlink(missing_ok=True)

    def _machine(self) -> tuple[str, ...]:
        return (
            "systemd-nspawn",
            "--quiet",
            f"--directory={self.root}",
            f"--machine={self.network.namespace(self.name)}",
            f"--hostname={self.name}",
            f"--network-namespace-path={NAMESPACES / self.network.namespace(self.name)}",
            f"--bind-ro={self._media}:{MEDIUM}",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--capability=all",
            "--system-call-filter=@keyring bpf add_key keyctl",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=read-only",
        )

    def _wait_for_boot(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        state = "not started"
        while state not in {"running", "degraded"}:
            if time.monotonic() > deadline or (self._nspawn and self._nspawn.poll() is not None):
                said = self._console_end()
                self.power_off()
                raise TestbedError(f"{self.name} does not boot, systemd says {state!r}\n{said}")
            time.sleep(0.1)
            if self.is_on():
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def _start(self, command: tuple[str, ...], *, stdin: IO[bytes] | int, stderr: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.entering(*command),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def _source(self, stdin: IO[bytes] | str | None) -> IO[bytes] | int:
        if stdin is None:
            return subprocess.DEVNULL
        return subprocess.PIPE if isinstance(stdin, str) else stdin

    def _find_leader(self) -> int | None:
        """The process of our control groups that is number 1 in a space of its own, at the first level."""
        for pid in self._cgroup.processes():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status = Path(f"/proc/{pid}/status").read_text()
                (numbers,) = (line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
                comm = status.splitlines()[0].split()[-1]
                if len(numbers) == 2 and numbers[1] == "1" and comm == "systemd":  # noqa: PLR2004
                    return pid
        return None

    def _reap(self) -> None:
        if self._nspawn:
            self._nspawn.wait(OFF_SECONDS)
            self._nspawn = None

    def _console_end(self) -> str:
        return last_lines(self.console.read_text(errors="replace")) if self.console.exists() else "  | no console"
