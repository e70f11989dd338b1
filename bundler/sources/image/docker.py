"""Takes an image from the docker daemon of the machine that builds, as `docker save` gives it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from bundler.cache import Cache
from bundler.lock import LockedImage
from bundler.needs import Coming, in_cache
from bundler.progress import Meter
from bundler.sources.image import taken_before
from bundler.sources.image.configuration import demand_platform
from bundler.sources.image.docker_save.cutting import cut
from bundler.sources.image.layout import Origin, Parts, lay_out
from bundler.space import demand_room
from installer.errors import UnreachableError, printable

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_PIECE = 2 << 20  # bytes
_PATIENCE = 3600  # seconds: up to 28 the daemon writes the whole image to its disk before it sends a byte
_SHRINKING = 3
_FIRST_USE = "first use"  # no publisher vouches for what a daemon gives


@dataclass(frozen=True)
class Found:
    """An image that the daemon has."""

    id: str
    system: str
    architecture: str
    size: int


class Daemon(Protocol):
    def find(self, reference: str) -> Found: ...
    def save(self, image_id: str) -> Iterator[bytes]: ...


def take_image(reference: str, cache: Cache, meter: Meter) -> LockedImage:
    """Into the cache. An image that was taken before costs nothing."""
    with _daemon() as daemon:
        return take_from(daemon, reference, cache, meter)


def announce(reference: str, cache: Cache) -> tuple[Coming, ...]:
    """About what ``take_image`` will write: nothing of an image that was taken before."""
    with _daemon() as daemon:
        return announce_from(daemon, reference, cache)


def announce_from(daemon: Daemon, reference: str, cache: Cache) -> tuple[Coming, ...]:
    image = daemon.find(reference)
    known = taken_before.recall(cache, image.id)
    return () if known else (Coming("image/layers", _packed_size(image)),)


def take_from(daemon: Daemon, reference: str, cache: Cache, meter: Meter) -> LockedImage:
    image = daemon.find(reference)
    demand_platform(image.system, image.architecture)
    parts = taken_before.recall(cache, image.id) or _save(daemon, reference, image, cache, meter)
    return lay_out(parts, Origin(reference, f"docker image {reference}", _FIRST_USE), cache)


def _save(daemon: Daemon, reference: str, image: Found, cache: Cache, meter: Meter) -> Parts:
    demand_room((in_cache(cache, _packed_size(image), f"docker image {reference}"),))
    with meter(f"docker save {reference}", image.size) as advance:
        parts = cut(daemon.save(image.id), cache, advance)
    taken_before.remember(cache, image.id, parts)
    return parts


def _packed_size(image: Found) -> int:
    """The daemon tells what it is unpacked; layers shrink to half of that or less (field experience)."""
    return image.size // _SHRINKING


@contextmanager
def _daemon() -> Iterator["_DockerDaemon"]:
    try:
        client = docker.from_env(timeout=_PATIENCE)
    except DockerException as error:
        raise UnreachableError(
            f"no docker answers at {_host()}: {printable(str(error))}",
            hint="start docker, or set DOCKER_HOST to where it listens",
        ) from None
    try:
        yield _DockerDaemon(client)
    finally:
        client.close()


class _DockerDaemon:
    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client

    def find(self, reference: str) -> Found:
        try:
            about = self._client.images.get(reference).attrs
        except ImageNotFound:
            raise UnreachableError(
                f"docker at {_host()} has no image {printable(reference)}", hint=f"docker pull {printable(reference)}"
            ) from None
        except (APIError, OSError) as error:
            raise UnreachableError(f"docker at {_host()}: {printable(str(error))}") from None
        return Found(about["Id"], about["Os"], about["Architecture"], about["Size"])

    def save(self, image_id: str) -> Iterator[bytes]:
        try:
            yield from self._client.api.get_image(image_id, chunk_size=_PIECE)
        except (APIError, OSError) as error:  # requests' errors are OSErrors
            raise UnreachableError(f"docker save: {_host()} broke off: {printable(str(error))}") from None


def _host() -> str:
    return os.environ.get("DOCKER_HOST") or _DEFAULT_HOST
