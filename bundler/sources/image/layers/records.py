"""What a layer was found to hold, remembered by its digest: nobody reads a layer twice."""

import json
from pathlib import Path

from bundler.cache import Cache
from bundler.sources.image.layers.contents import LayerContents
from bundler.sources.image.layers.unpacked import LayerRead
from installer.errors import MalformedError
from installer.index.strict import Place, parse_json

RECIPE = 2  # raise it when something else would be found in the same layer
_DIFF_ID = r"sha256:[0-9a-f]{64}"


def remember(cache: Cache, sha256: str, read: LayerRead) -> None:
    document = {"recipe": RECIPE, "diff_id": read.diff_id, "contents": read.contents.document()}
    cache.write_record(_path(cache, sha256), json.dumps(document, indent=1).encode("ascii"))


def recall(cache: Cache, sha256: str) -> LayerRead | None:
    """None where nothing is known, or what is known is damaged or of another recipe: then it must be read again."""
    path = _path(cache, sha256)
    try:
        at = Place.of(parse_json(path.read_bytes(), path.name), "")
        at.only("recipe", "diff_id", "contents")
        at.integer("recipe", RECIPE, RECIPE)
        return LayerRead(at.matching("diff_id", _DIFF_ID, "a digest"), LayerContents.read(at.inside("contents")))
    except (FileNotFoundError, MalformedError):
        return None


def _path(cache: Cache, sha256: str) -> Path:
    return cache.folder / "layers" / f"{sha256}.json"
