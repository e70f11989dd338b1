"""A registry on loopback that has one image, in a network of its own, and beside it a docker that has none."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.commands import CommandError, TestbedError, run
from testbed.host_docker import HostDocker

_HOST = "127.0.0.1:5000"
_START_SECONDS = 180  # the hub hashes what it has first


@dataclass(frozen=True)
class Registry:
    """Where ``image`` can be pulled by ``docker``, and by programs that are started by ``entering``."""

    docker: HostDocker
    image: str

    def entering(self, *command: str) -> tuple[str, ...]:
        """``command`` in the network of ``docker``, where the registry's 127.0.0.1 is."""
        pid = (self.docker.folder / "dockerd.pid").read_text().strip()
        return ("nsenter", f"--net=/proc/{pid}/ns/net", "--", *command)


@contextmanager
def holding(build: Path, image: str, folder: Path) -> Iterator[Registry]:
    """``image`` is pushed by the testbed's docker; the one beside the registry never saw it."""
    reference = f"{_HOST}/{image}"
    with HostDocker(build) as docker, _serving(Registry(docker, reference), folder):
        _push(docker, image, reference)
    with _fresh_docker(build, folder / "docker") as docker:
        registry = Registry(docker, reference)
        with _serving(registry, folder):
            yield registry


@contextmanager
def started(command: tuple[str, ...], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server, until this ends."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def await_answer(registry: Registry, url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            run(*registry.entering("curl", "--silent", "--fail", "--noproxy", "*", url))
        except CommandError:
            time.sleep(0.1)
        else:
            return
    raise TestbedError(f"{url} does not answer")


def _push(docker: HostDocker, image: str, reference: str) -> None:
    docker.run("tag", image, reference)
    docker.run("push", "--quiet", reference)
    docker.run("image", "rm", reference)


@contextmanager
def _fresh_docker(build: Path, folder: Path) -> Iterator[HostDocker]:
    """With images of its own, none, and the testbed's programs."""
    docker = HostDocker(folder)
    docker.folder.mkdir(parents=True)
    docker.programs.symlink_to(HostDocker(build).programs)
    with docker:
        yield docker


@contextmanager
def _serving(registry: Registry, folder: Path) -> Iterator[None]:
    """Debian's docker-registry, whose images stay in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f'http: {{addr: "{_HOST}", secret: bench}}\n'
    )
    run(*registry.entering("ip", "link", "set", "lo", "up"))
    command = registry.entering("docker-registry", "serve", str(config))
    with started(command, folder / "registry.log") as process:
        await_answer(registry, f"http://{_HOST}/v2/", process)
        yield
