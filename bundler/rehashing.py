"""Hash a file again whose digest is known: those of its chunks are remembered, so each byte is hashed once."""

import hashlib
import json
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.digesting import Digests, digest_file, digest_whole
from bundler.progress import Advance
from installer.errors import MalformedError
from installer.index.document import CHUNK
from installer.index.strict import Place, parse_json

_FOLDER = "chunks"  # of the cache


def digest_again(
    file: FileIO, expected: Stored, cache: Cache, advance: Advance, also: Callable[[memoryview], object] | None = None
) -> Digests:
    """As ``digest_file``. Without chunks if it turns out not to be ``expected``."""
    chunks = _recall(cache, expected)
    if chunks is None:
        found = digest_file(file, advance, also)
        _remember(cache, found)
        return found
    whole = digest_whole(file, advance, also)
    return Digests(whole.size, whole.sha256, chunks if whole == expected else ())


def _remember(cache: Cache, found: Digests) -> None:
    """What stands there gets into the index, and on site a wrong one is damage: so the list is sealed."""
    document = {"chunks": found.chunks, "seal": _seal(found.chunks)}
    cache.write_record(_path(cache, found.sha256), json.dumps(document, indent=1).encode("ascii"))


def _recall(cache: Cache, expected: Stored) -> tuple[str, ...] | None:
    if expected.size <= CHUNK:
        return (expected.sha256,) if expected.size else ()
    path = _path(cache, expected.sha256)
    try:
        at = Place.of(parse_json(path.read_bytes(), path.name), "")
        at.only("chunks", "seal")
        chunks = at.texts("chunks")
        at.matching("seal", _seal(chunks), "the seal of these chunks")
    except (FileNotFoundError, MalformedError):
        return None
    return chunks if len(chunks) == -(-expected.size // CHUNK) else None


def _seal(chunks: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(chunks).encode()).hexdigest()


def _path(cache: Cache, sha256: str) -> Path:
    return cache.folder / _FOLDER / f"{sha256}.json"
