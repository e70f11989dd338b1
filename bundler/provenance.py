"""What the files of the cache are and where they came from, as far as its records tell: for people to read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.cache import Cache
from bundler.http.origins import named

ORIGINS = "origins"  # the folder of records that are named after a file's digest and have its URL


@dataclass(frozen=True)
class _Record:
    """A JSON object of whatever recipe; damaged ones are empty."""

    name: str
    said: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> "_Record":
        try:
            said = json.loads(path.read_bytes())
        except (ValueError, FileNotFoundError):
            said = {}
        return cls(path.stem, said if isinstance(said, dict) else {})

    def text(self, key: str) -> str:
        found = self.said.get(key)
        return found if isinstance(found, str) else ""


def remember_url(cache: Cache, sha256: str, url: str) -> None:
    cache.write_record(cache.folder / ORIGINS / f"{sha256}.json", json.dumps({"url": url}, indent=1).encode("ascii"))


def origins_of(cache: Cache) -> Mapping[str, str]:
    """Digest to a URL, without what follows a question mark, or to words; what nothing is known of is not there."""
    found = {record.name: "image layer" for record in _records(cache, "layers")}
    for record in _records(cache, "docker"):
        found[record.text("config")] = "image configuration"
        layers = record.said.get("layers")
        for layer in layers if isinstance(layers, list) else ():
            found[str(layer.get("sha256")) if isinstance(layer, dict) else ""] = "image layer"
    found |= {record.text("sha256"): "runtime" for record in _records(cache, "runtimes")}
    found |= {record.text("sha256"): named(record.text("url")) for record in _records(cache, "urls")}
    return found | {record.name: named(record.text("url")) for record in _records(cache, ORIGINS)}


def _records(cache: Cache, name: str) -> Iterator[_Record]:
    folder = cache.folder / name
    return (_Record.read(path) for path in sorted(folder.glob("*.json")))
