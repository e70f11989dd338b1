"""The JSON document of a save that says which images are in it, and what belongs to each."""

import json
import posixpath
from dataclasses import dataclass

from bundler.sources.image.foreign_document import ForeignDocument
from installer.errors import DamagedError


@dataclass(frozen=True)
class SavedImage:
    """The names, in the stream, of the image's configuration and of its layers, lowest first; ``tags`` are its own."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def config_digest(self) -> str:
        return posixpath.basename(self.config).removesuffix(".json")


def read_manifest(data: bytes) -> tuple[SavedImage, ...]:
    found = _parse(data, "manifest.json")
    if not isinstance(found, list):
        raise DamagedError("docker save: manifest.json is no list of images")
    return tuple(_read_image(ForeignDocument.of(one, "manifest.json")) for one in found)


def _read_image(at: ForeignDocument) -> SavedImage:
    """RepoTags is null or left out for an image that was saved by its ID."""
    tags = at.texts("RepoTags") if at.values.get("RepoTags") is not None else ()
    return SavedImage(at.text("Config"), at.texts("Layers"), tags)


def _parse(data: bytes, name: str) -> object:
    """Less strict than our own format: a configuration may hold any number."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"docker save: {name} is not JSON: {error}") from None
