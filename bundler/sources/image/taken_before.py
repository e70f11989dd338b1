"""What an image of the daemon was cut into before, remembered by its ID as long as the cache has the layers."""

import hashlib
import json
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.sources.image.layout import Layer, Parts
from installer.errors import MalformedError
from installer.index.strict import Place, Value, parse_json

RECIPE = 3  # raise it when the same image would be cut into other layers, or other versions be found in it
_DIGEST = r"[0-9a-f]{64}"
_IMAGE_DIGEST = r"sha256:[0-9a-f]{64}"
_LARGEST_BLOB = 1 << 43  # bytes


def remember(cache: Cache, image_id: str, parts: Parts) -> None:
    with cache.writer() as file:
        file.write(parts.config)
        config = file.keep()
    document: dict[str, Value] = {
        "recipe": RECIPE,
        "config": config.sha256,
        "layers": [
            {"diff_id": layer.diff_id, "sha256": layer.blob.sha256, "size": layer.blob.size} for layer in parts.layers
        ],
        "versions": dict(parts.versions),
        "requires": dict(parts.requires),
    }
    cache.write_record(_path(cache, image_id), json.dumps(document, indent=1).encode())


def recall(cache: Cache, image_id: str) -> Parts | None:
    """None where anything of it is gone, damaged or of another recipe; then the image must be saved again."""
    path = _path(cache, image_id)
    if not path.exists():
        return None
    try:
        return _read(cache, Place.of(parse_json(path.read_bytes(), path.name), ""))
    except MalformedError:  # half written before a power cut, say: the daemon still has the image
        return None


def _read(cache: Cache, at: Place) -> Parts | None:
    at.integer("recipe", RECIPE, RECIPE)
    config = at.matching("config", _DIGEST, "a digest")
    layers = tuple(_read_layer(layer) for layer in at.each("layers"))
    needed = (config, *(layer.blob.sha256 for layer in layers))
    if not all(sha256 in cache for sha256 in needed):
        return None
    content = cache.path(config).read_bytes()
    if hashlib.sha256(content).hexdigest() != config:
        return None
    return Parts(content, layers, at.texts_by_name("versions"), requires=at.texts_by_name("requires"))


def _read_layer(at: Place) -> Layer:
    return Layer(
        at.matching("diff_id", _IMAGE_DIGEST, "a digest"),
        Stored(at.matching("sha256", _DIGEST, "a digest"), at.integer("size", 1, _LARGEST_BLOB)),
    )


def _path(cache: Cache, image_id: str) -> Path:
    return cache.folder / "docker" / f"{image_id.removeprefix('sha256:')}.json"
