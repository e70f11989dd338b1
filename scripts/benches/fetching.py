"""An image from a registry into a bundle, against `docker pull` + `docker save | gzip`, and against skopeo."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from benches.registry import Registry
from benches.running import Duel, Taken, duel, take

_ROUNDS = 3
_PULLS = 1  # it takes minutes
# What people type, a pipe and all.
_PULL = 'set -o pipefail; docker pull --quiet "$1" && docker save "$1" | gzip > "$2"'


@dataclass(frozen=True)
class Fetching:
    """``looked``: nothing was known of the image; ``locked``: it was looked through when it was locked."""

    looked_vs_docker: Duel
    looked_vs_skopeo: Duel
    locked_vs_skopeo: Duel


def compare(registry: Registry, folder: Path) -> Fetching:
    """With every cache empty; what was locked is all that is known from one run to the next."""
    ours = folder / "ours"

    def pulled(how: str) -> Taken:
        shutil.rmtree(ours / "cache", ignore_errors=True)
        ours.mkdir(exist_ok=True)
        return take(*registry.entering(sys.executable, "-m", "benches.pulling", how, registry.image, str(ours)))

    def skopeo() -> Taken:
        target = folder / "skopeo"
        shutil.rmtree(target, ignore_errors=True)
        words = ("--insecure-policy", "copy", "--quiet", "--src-tls-verify=false")
        return take(*registry.entering("skopeo", *words, f"docker://{registry.image}", f"oci:{target}:image"))

    def docker_and_gzip() -> Taken:
        docker, packed = registry.docker, folder / "image.tar.gz"
        path = f"{docker.programs / 'usr/bin'}:{os.environ['PATH']}"
        env = {"DOCKER_HOST": docker.address, "PATH": path}
        taken = take("bash", "-c", _PULL, "bash", registry.image, str(packed), env=env)
        docker.run("image", "rm", registry.image)
        packed.unlink()
        return taken

    try:
        return Fetching(
            looked_vs_docker=duel(lambda: pulled("look"), docker_and_gzip, _PULLS),
            looked_vs_skopeo=duel(lambda: pulled("look"), skopeo, _ROUNDS),
            locked_vs_skopeo=duel(lambda: pulled("locked"), skopeo, _ROUNDS),
        )
    finally:
        shutil.rmtree(ours, ignore_errors=True)
        shutil.rmtree(folder / "skopeo", ignore_errors=True)
