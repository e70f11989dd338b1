"""The host's own dockerd, where the images are made: network, mounts, data and sockets apart from any other."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from testbed import debian
from testbed.commands import CommandError, TestbedError, last_lines

PACKAGES = ("docker.io", "containerd", "runc", "tini")
START_SECONDS = 60
STOP_SECONDS = 30


class HostDocker:
    """``with HostDocker(build) as docker``: used through ``docker.address``; the images stay in ``folder``.

    Several programs may be inside at the same time: the first starts the daemon, the last stops it.
    """

    def __init__(self, build: Path) -> None:
        self.folder = build / "host-docker"
        self.programs = self.folder / "programs"
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "dockerd.log"
        self._pidfile = self.folder / "dockerd.pid"
        self._exec_root = self.folder / "exec"
        self._inside = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            users = self._inside.enter_context((self.folder / "users").open("w"))
            fcntl.flock(users, fcntl.LOCK_SH)
            self._inside.callback(self._leave, users)
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._alone():
            self._inside.close()

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While this lasts, nobody else comes in or leaves."""
        with (self.folder / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    def _leave(self, users: IO[str]) -> None:
        with contextlib.suppress(BlockingIOError):  # another one is inside
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.stop()

    def _start(self) -> None:
        if self._answers():
            return
        self.stop()
        if not self.programs.exists():
            self._unpack_programs()
        with self.log.open("wb") as log:  # no child of ours: it may outlive us, for others
            subprocess.run(
                ("setsid", "--fork", *self._command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                check=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                self.stop()
                said = last_lines(self.log.read_text(errors="replace"))
                raise TestbedError(f"the host's dockerd does not answer\n{said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Also what an earlier run left: dockerd, then the containerd it started."""
        for pidfile in (self._pidfile, self._exec_root / "containerd/containerd.pid"):
            if pidfile.exists():
                self._end(pidfile)

    def stop_unused(self) -> None:
        """What a killed run left; while somebody is inside, it is theirs."""
        if self.folder.exists():
            with self._alone(), (self.folder / "users").open("w") as users:
                self._leave(users)

    def run(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """``docker ARGUMENTS`` and its standard output."""
        command = (str(self.programs / "usr/bin/docker"), "--host", self.address, *arguments)
        done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise CommandError(command, (done.stdout + done.stderr).decode(errors="replace"))
        return done.stdout.decode()

    def has(self, image: str) -> bool:
        return bool(self.run("image", "ls", "--quiet", image).strip())

    def _unpack_programs(self) -> None:
        aside = self.programs.with_suffix(".partial")
        shutil.rmtree(aside, ignore_errors=True)
        debian.unpack(PACKAGES, aside)
        aside.rename(self.programs)

    def _command(self) -> tuple[str, ...]:
        """In namespaces of its own, so that neither its mounts nor its firewall rules reach the host."""
        return (
            "unshare",
            "--net",
            "--mount",
            "--",
            "dockerd",
            "--host", self.address,
            "--data-root", str(self.folder / "data"),
            "--exec-root", str(self._exec_root),
            "--pidfile", str(self._pidfile),
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--storage-driver=overlay2",
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        own = (self.programs / "usr/bin", self.programs / "usr/sbin")
        return {**os.environ, "PATH": ":".join((*map(str, own), os.environ["PATH"]))}

    def _answers(self) -> bool:
        if not self.socket.exists() or not self.programs.exists():
            return False
        with contextlib.suppress(CommandError):
            self.run("version")
            return True
        return False

    def _end(self, pidfile: Path) -> None:
        pid = int(pidfile.read_text())
        deadline = time.monotonic() + STOP_SECONDS
        while self._is_ours(pid):
            overdue = time.monotonic() > deadline
            os.kill(pid, signal.SIGKILL if overdue else signal.SIGTERM)
            time.sleep(0.2)
        pidfile.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        """Whether this process is still the recorded one, and not another that got its number later."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text()
        except FileNotFoundError:
            return False
        return str(self.folder) in words
