"""What was packed before, remembered by the digests of all that went into it: nothing is packed twice."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bundler.cache import Cache, Stored
from installer.errors import MalformedError
from installer.index.strict import Place, parse_json

_DIGEST = r"[0-9a-f]{64}"
_LARGEST = 1 << 30  # bytes
_RECIPE = Path(__file__).parent  # this code decides the bytes, too


def packed_once(files: Mapping[str, Path], said: str, cache: Cache, make: Callable[[], Stored]) -> Stored:
    """What ``make`` packs of ``files``, by their names in it. ``said`` is whatever else it depends on."""
    record = cache.folder / "runtimes" / f"{_key(files, said)}.json"
    if known := _recall(record, cache):
        return known
    packed = make()
    document = {"sha256": packed.sha256, "size": packed.size}
    cache.write_record(record, json.dumps(document, indent=1).encode("ascii"))
    return packed


def _recall(record: Path, cache: Cache) -> Stored | None:
    """None where nothing is known, or the cache lost it: a damaged entry is found out when it is hashed again."""
    try:
        at = Place.of(parse_json(record.read_bytes(), record.name), "")
        at.only("sha256", "size")
        stored = Stored(at.matching("sha256", _DIGEST, "a digest"), at.integer("size", 1, _LARGEST))
    except (FileNotFoundError, MalformedError):
        return None
    return stored if stored.sha256 in cache else None


def _key(files: Mapping[str, Path], said: str) -> str:
    recipe = {f"recipe/{path.name}": path for path in _RECIPE.glob("*.*") if path.is_file()}
    digests = [said, *(f"{name} {_sha256(path)}" for name, path in sorted({**recipe, **files}.items()))]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
