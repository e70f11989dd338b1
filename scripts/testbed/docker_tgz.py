"""docker-VERSION.tgz: Debian's docker in the layout of the upstream static archive."""

from pathlib import Path

from testbed.archives import write_tar_gz
from testbed.commands import TestbedError, run

VERSION = "20.10.24"
PROGRAMS = {
    "containerd": "usr/bin/containerd",
    "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
    "ctr": "usr/bin/ctr",
    "docker": "usr/bin/docker",
    "docker-init": "usr/bin/tini-static",
    "docker-proxy": "usr/sbin/docker-proxy",
    "dockerd": "usr/sbin/dockerd",
    "runc": "usr/sbin/runc",
}


def make(programs: Path, target: Path) -> None:
    """``programs`` holds Debian's packages, unpacked."""
    says = run(str(programs / PROGRAMS["docker"]), "--version")
    if VERSION not in says:
        raise TestbedError(f"Debian's docker is not {VERSION}: {says.strip()}; change docker_tgz.VERSION")
    folder = [("docker", programs)]
    write_tar_gz(target, folder + [(f"docker/{name}", programs / place) for name, place in PROGRAMS.items()])
