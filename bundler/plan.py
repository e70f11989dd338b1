"""What a build will do and a node will need, told from the lock alone: nothing is fetched and nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass

from bundler.cache import Cache
from bundler.lock import Backend, Lock, LockedFile
from bundler.manifest import Manifest
from bundler.resolve import demand_whole
from installer.index.components import Docker
from installer.index.space import IMAGE_GROWTH, RUNTIME_BYTES
from installer.preflight.situation import OUR_BINARIES

DOCKER_ROOT = "/var/lib/docker"


@dataclass(frozen=True)
class Source:
    """Files of one part that come from one place. ``cached`` are the bytes that need not be fetched any more."""

    part: str
    source: str
    files: int
    size: int
    cached: int

    @property
    def to_fetch(self) -> int:
        return self.size - self.cached


@dataclass(frozen=True)
class Space:
    """Room that a node needs at ``place``, on whatever mount that is there. ``runs``: programs are started there."""

    place: str
    size: int
    what: str
    runs: bool = False


@dataclass(frozen=True)
class Plan:
    """``spaces`` are those of one node, head or worker, with an install's defaults; equal mounts add up."""

    sources: tuple[Source, ...]
    spaces: tuple[Space, ...]
    backend: Backend

    @property
    def bundle_size(self) -> int:
        return sum(source.size for source in self.sources)

    @property
    def cached(self) -> int:
        return sum(source.cached for source in self.sources)

    @property
    def to_fetch(self) -> int:
        return sum(source.to_fetch for source in self.sources)


def plan(manifest: Manifest, lock: Lock | None, cache: Cache) -> Plan:
    whole = demand_whole(manifest, lock)
    return Plan(tuple(_sources(manifest, whole.lock, cache)), tuple(spaces(whole.lock)), whole.backend)


def _sources(manifest: Manifest, lock: Lock, cache: Cache) -> Iterator[Source]:
    in_place = {"model"} if manifest.model.source == "directory" else set()
    for name, part in lock.parts.items():
        of: dict[str, list[LockedFile]] = {}
        for file in part.files:
            of.setdefault(file.source, []).append(file)
        for source, files in of.items():
            here = [file.size for file in files if name in in_place or file.sha256 in cache]
            yield Source(name, source, len(files), sum(file.size for file in files), sum(here))


def spaces(lock: Lock) -> Iterator[Space]:
    """The arithmetic of the installer's own preflight."""
    sizes = {name: sum(file.size for file in part.files) for name, part in lock.parts.items()}
    image, model = sizes.get("image", 0), sizes.get("model", 0)
    docker = lock.component(Docker)
    yield Space("/var/lib/vllm-airgap/models", model, "the model (--data-dir puts it elsewhere)")
    yield Space(
        "/var/lib/vllm-airgap/staging", sum(sizes.values()) - model, "what is installed from, checked once more"
    )
    unpacked = "the image, unpacked (or data-root of daemon.json)"
    yield Space(DOCKER_ROOT, image * IMAGE_GROWTH, unpacked)
    yield Space("/opt/vllm-airgap", RUNTIME_BYTES, "the Python that installs", runs=True)
    if docker:
        yield Space(OUR_BINARIES, sum(binary.size for binary in docker.binaries), "docker", runs=True)
