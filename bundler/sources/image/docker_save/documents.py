"""The JSON document of a saved image that says what belongs to it."""

import json
import posixpath
from dataclasses import dataclass

from installer.errors import DamagedError
from installer.index.strict import Place


@dataclass(frozen=True)
class SavedImage:
    """The names, in the stream, of the image's configuration and of its layers, lowest first."""

    config: str
    layers: tuple[str, ...]

    @property
    def config_digest(self) -> str:
        return posixpath.basename(self.config).removesuffix(".json")


def read_manifest(data: bytes) -> SavedImage:
    found = _parse(data, "manifest.json")
    if not isinstance(found, list) or len(found) != 1:
        raise DamagedError("docker save: manifest.json does not describe one image")
    at = _Document.of(found[0], "manifest.json")
    return SavedImage(at.text("Config"), at.texts("Layers"))


class _Document(Place):
    """Written by the daemon: what is wrong with it is damage, not a mistake of ours."""

    error = DamagedError


def _parse(data: bytes, name: str) -> object:
    """Less strict than our own format: a configuration may hold any number."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"docker save: {name} is not JSON: {error}") from None
