"""The two JSON documents of a saved image that say what belongs to it."""

import json
import posixpath
from dataclasses import dataclass

from installer.errors import DamagedError, RefusedError, printable
from installer.index.strict import Place


@dataclass(frozen=True)
class SavedImage:
    """The names, in the stream, of the image's configuration and of its layers, lowest first."""

    config: str
    layers: tuple[str, ...]

    @property
    def config_digest(self) -> str:
        return posixpath.basename(self.config).removesuffix(".json")


@dataclass(frozen=True)
class Config:
    """The part of an image's configuration that decides whether and how it can be carried."""

    system: str
    architecture: str
    diff_ids: tuple[str, ...]

    def demand_platform(self) -> None:
        demand_platform(self.system, self.architecture)


def demand_platform(system: str, architecture: str) -> None:
    if (system, architecture) != ("linux", "amd64"):
        raise RefusedError(
            f"the image is for {printable(system)}/{printable(architecture)}, and the nodes are linux/amd64",
            hint="docker pull --platform linux/amd64 IMAGE",
        )


def read_manifest(data: bytes) -> SavedImage:
    found = _parse(data, "manifest.json")
    if not isinstance(found, list) or len(found) != 1:
        raise DamagedError("docker save: manifest.json does not describe one image")
    at = _Document.of(found[0], "manifest.json")
    return SavedImage(at.text("Config"), at.texts("Layers"))


def read_config(data: bytes) -> Config:
    at = _Document.of(_parse(data, "config"), "config")  # type: ignore[arg-type]
    return Config(at.text("os"), at.text("architecture"), at.inside("rootfs").texts("diff_ids"))


class _Document(Place):
    """Written by the daemon: what is wrong with it is damage, not a mistake of ours."""

    error = DamagedError


def _parse(data: bytes, name: str) -> object:
    """Less strict than our own format: a configuration may hold any number."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise DamagedError(f"docker save: {name} is not JSON: {error}") from None
