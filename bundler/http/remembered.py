"""What a URL gave, kept in the cache: where no digest was known before, the same need not come again to be found."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bundler.cache import Cache, Stored
from installer.errors import MalformedError
from installer.index.strict import Place, parse_json

_DIGEST = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class Gave:
    """A file that is in the cache, and the validator that it had."""

    url: str
    validator: str
    stored: Stored


def remember(cache: Cache, gave: Gave) -> None:
    """Before the file is named in the cache: a kill between the two costs nothing then."""
    if gave.validator:
        document = {"url": gave.url, "validator": gave.validator, **asdict(gave.stored)}
        cache.write_record(_path(cache, gave.url), json.dumps(document, indent=1).encode("ascii"))


def recall(cache: Cache, url: str) -> Gave | None:
    """None also where the cache no longer has the file."""
    path = _path(cache, url)
    try:
        at = Place.of(parse_json(path.read_bytes(), path.name), path.name)
        stored = Stored(at.matching("sha256", _DIGEST, "a digest"), at.integer("size", 0, 1 << 62))
        gave = Gave(at.text("url"), at.text("validator"), stored)
    except (FileNotFoundError, MalformedError):
        return None
    return gave if gave.url == url and stored.sha256 in cache else None


def _path(cache: Cache, url: str) -> Path:
    return cache.folder / "urls" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
