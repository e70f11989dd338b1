"""Makes every input of the testbed, each only where it is absent or its recipe has changed."""

import contextlib
import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed import (
    docker_debs,
    docker_tgz,
    driver,
    image,
    model,
    node_root,
    small_image,
    toolkit,
    toolkit_debs,
    trees,
)
from testbed.host_docker import HostDocker

HERE = Path(__file__).parent
Say = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    docker_tgz: Path
    docker_debs: Path
    toolkit_tar: Path
    toolkit_debs: Path
    driver_run: Path
    model: Path
    node_root: Path
    image: str
    small_image: str


@dataclass(frozen=True)
class Recipe:
    name: str
    stamp: Path
    sources: tuple[str, ...]
    make: Callable[[], None]

    def digest(self) -> str:
        """Of the sources' bytes: an edited recipe is another recipe."""
        summary = hashlib.sha256()
        for source in self.sources:
            for path in sorted(path for path in (HERE / source, *(HERE / source).rglob("*.py")) if path.is_file()):
                summary.update(path.read_bytes())
        return summary.hexdigest()

    def is_made(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.digest()


def make_all(build: Path, say: Say) -> Inputs:
    """Slow the first time (minutes), then a look at the stamps."""
    build = build.absolute()
    inputs = planned(build)
    inputs.docker_tgz.parent.mkdir(parents=True, exist_ok=True)
    with only_one(build / "inputs/lock"):
        pending = [recipe for recipe in recipes(build, inputs) if not recipe.is_made()]
        if pending:
            with HostDocker(build):
                for recipe in pending:
                    follow(recipe, say)
    return inputs


def planned(build: Path) -> Inputs:
    folder = build.absolute() / "inputs"
    return Inputs(
        docker_tgz=folder / f"docker-{docker_tgz.VERSION}.tgz",
        docker_debs=folder / "docker-debs",
        toolkit_tar=folder / f"nvidia-container-toolkit_{toolkit.VERSION}_rpm_x86_64.tar.gz",
        toolkit_debs=folder / f"nvidia-container-toolkit_{toolkit.VERSION}_deb_amd64.tar.gz",
        driver_run=folder / f"{driver.NAME}.run",
        model=folder / "model/tiny-qwen2",
        node_root=folder / "node-root",
        image=image.TAG,
        small_image=small_image.TAG,
    )


def recipes(build: Path, to: Inputs) -> tuple[Recipe, ...]:
    """In order: the model is written by a program of the image."""
    folder, docker = build / "inputs", HostDocker(build)

    def file(target: Path, sources: tuple[str, ...], make: Callable[[Path], None]) -> Recipe:
        stamp = folder / f"stamps/{target.name}"
        return Recipe(target.name, stamp, sources, lambda: place(target, make))

    def tagged(tag: str, sources: tuple[str, ...], make: Callable[[], None]) -> Recipe:
        def make_and_forget() -> None:
            make()
            docker.run("image", "prune", "--force")  # what had the tag until now

        stamp = docker.folder / "stamps" / tag.replace("/", "_")  # goes with the images when they go
        return Recipe(tag, stamp, sources, make_and_forget)

    return (
        tagged(to.image, ("image.py", "payload/ray_on_cpu"), lambda: image.make(docker, folder / "image.partial")),
        tagged(to.small_image, ("small_image.py",), lambda: small_image.make(docker, folder / "small.partial")),
        file(to.docker_tgz, ("docker_tgz.py", "archives.py"), lambda at: docker_tgz.make(docker.programs, at)),
        file(to.docker_debs, ("docker_debs.py",), docker_debs.make),
        file(to.toolkit_tar, TOOLKIT_SOURCES, toolkit.make),
        file(to.toolkit_debs, TOOLKIT_DEB_SOURCES, toolkit_debs.make),
        file(to.driver_run, DRIVER_SOURCES, driver.make),
        file(to.model, ("model.py", "payload/make_model.py"), lambda at: model.make(docker, at)),
        file(to.node_root, NODE_SOURCES, lambda at: node_root.make(at, folder / "debian-cache")),
    )


DRIVER_SOURCES = ("driver.py", "c_programs.py", "payload/nvidia-installer", "payload/nvidia-smi.c")
NODE_SOURCES = (
    "node_root.py",
    "rpms.py",
    "payload/node-base.spec",
    "payload/open-mounts",
    "payload/pretended-hardware",
    "payload/update-initramfs",
)
TOOLKIT_SOURCES = (
    "toolkit.py",
    "rpms.py",
    "archives.py",
    "c_programs.py",
    "payload/nvidia-container-toolkit.spec",
    "payload/nvidia-ctk.c",
    "payload/nvidia-container-runtime.c",
    "payload/nvidia-container-runtime-hook.c",
    "payload/nvidia-container-cli.c",
    "payload/libnvidia-container.c",
)
TOOLKIT_DEB_SOURCES = (*TOOLKIT_SOURCES, "toolkit_debs.py", "debs.py", "payload/nvidia-container-toolkit.control")


def follow(recipe: Recipe, say: Say) -> None:
    say(f"{recipe.name}: making")
    began = time.monotonic()
    recipe.make()
    recipe.stamp.parent.mkdir(exist_ok=True)
    recipe.stamp.write_text(recipe.digest())
    say(f"{recipe.name}: made in {time.monotonic() - began:.0f} s")


def place(target: Path, make: Callable[[Path], None]) -> None:
    """Made aside and renamed: what stands at ``target`` is whole."""
    aside = target.with_name(f"{target.name}.partial")
    aside.parent.mkdir(parents=True, exist_ok=True)
    trees.remove(aside)
    make(aside)
    trees.remove(target)
    aside.rename(target)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """A second run waits for the first, and then finds everything made."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
