"""An image from a registry on loopback into a bundle, against `docker pull` + `docker save | gzip`, and skopeo."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.commands import CommandError, TestbedError, run
from testbed.host_docker import HostDocker

from benches.running import Duel, Taken, duel, take

_HOST = "127.0.0.1:5000"
_ROUNDS = 3
_PULLS = 1  # it takes minutes
_START_SECONDS = 20
# What people type, a pipe and all.
_PULL = 'set -o pipefail; docker pull --quiet "$1" && docker save "$1" | gzip > "$2"'


@dataclass(frozen=True)
class Pulling:
    """``looked``: nothing was known of the image; ``locked``: it was looked through when it was locked."""

    looked_vs_docker: Duel
    looked_vs_skopeo: Duel
    locked_vs_skopeo: Duel


@dataclass(frozen=True)
class Network:
    """That of a dockerd, where its 127.0.0.1 is."""

    docker: HostDocker

    def entering(self, *command: str) -> tuple[str, ...]:
        pid = (self.docker.folder / "dockerd.pid").read_text().strip()
        return ("nsenter", f"--net=/proc/{pid}/ns/net", "--", *command)


def compare(build: Path, image: str, folder: Path) -> Pulling:
    """``image`` is pushed by the testbed's docker, and pulled by one that never saw it."""
    reference = f"{_HOST}/{image}"
    with HostDocker(build) as docker, serving(Network(docker), folder):
        push(docker, image, reference)
    with fresh_docker(build, folder / "docker") as docker, serving(Network(docker), folder):
        return _compare(docker, reference, folder)


def _compare(docker: HostDocker, reference: str, folder: Path) -> Pulling:
    network, ours = Network(docker), folder / "ours"

    def pulled(how: str) -> Taken:
        shutil.rmtree(ours / "cache", ignore_errors=True)
        ours.mkdir(exist_ok=True)
        return take(*network.entering(sys.executable, "-m", "benches.pulling", how, reference, str(ours)))

    def skopeo() -> Taken:
        target = folder / "skopeo"
        shutil.rmtree(target, ignore_errors=True)
        words = ("--insecure-policy", "copy", "--quiet", "--src-tls-verify=false")
        return take(*network.entering("skopeo", *words, f"docker://{reference}", f"oci:{target}:image"))

    def docker_and_gzip() -> Taken:
        packed = folder / "image.tar.gz"
        path = f"{docker.programs / 'usr/bin'}:{os.environ['PATH']}"
        taken = take(
            "bash", "-c", _PULL, "bash", reference, str(packed), env={"DOCKER_HOST": docker.address, "PATH": path}
        )
        docker.run("image", "rm", reference)
        packed.unlink()
        return taken

    return Pulling(
        looked_vs_docker=duel(lambda: pulled("look"), docker_and_gzip, _PULLS),
        looked_vs_skopeo=duel(lambda: pulled("look"), skopeo, _ROUNDS),
        locked_vs_skopeo=duel(lambda: pulled("locked"), skopeo, _ROUNDS),
    )


def push(docker: HostDocker, image: str, reference: str) -> None:
    docker.run("tag", image, reference)
    docker.run("push", "--quiet", reference)
    docker.run("image", "rm", reference)


@contextmanager
def fresh_docker(build: Path, folder: Path) -> Iterator[HostDocker]:
    """With images of its own, none, and the testbed's programs."""
    docker = HostDocker(folder)
    docker.folder.mkdir(parents=True)
    docker.programs.symlink_to(HostDocker(build).programs)
    with docker:
        yield docker


@contextmanager
def serving(network: Network, folder: Path) -> Iterator[None]:
    """Debian's docker-registry, whose images stay in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f'http: {{addr: "{_HOST}", secret: bench}}\n'
    )
    run(*network.entering("ip", "link", "set", "lo", "up"))
    with (folder / "registry.log").open("wb") as log:
        command = network.entering("docker-registry", "serve", str(config))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(network, process)
            yield
        finally:
            process.terminate()
            process.wait()


def _await(network: Network, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            run(*network.entering("curl", "--silent", "--fail", f"http://{_HOST}/v2/"))
        except CommandError:
            time.sleep(0.1)
        else:
            return
    raise TestbedError("docker-registry does not answer")
