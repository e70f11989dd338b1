"""What the cache holds, when it was last used, and what of it may go."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.cache import Cache
from bundler.http.origins import named
from bundler.partials import origin_of
from bundler.provenance import ORIGINS, origins_of

_RECORDS = ("urls", "docker", "runtimes")  # JSON, with the digest of every file of the cache that they need
_NAMED_AFTER = ("chunks", "layers", ORIGINS)
_BARE_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
_DAY = 24 * 3600  # seconds


@dataclass(frozen=True)
class Holding:
    """One file. ``name`` is its digest, or that of the URL which a partial file without a known digest is from."""

    path: Path
    name: str
    size: int
    used: float  # seconds since 1970
    whole: bool
    shared: bool  # with a bundle, by hard link: removing it here frees nothing
    origin: str = ""  # its URL, without what follows a question mark, or what it is, as far as that is known

    @property
    def frees(self) -> int:
        return 0 if self.shared else self.size


def holdings(cache: Cache) -> tuple[Holding, ...]:
    """Entries and partial files, the longest unused first."""
    found = [*_entries(cache), *_partials(cache)]
    return tuple(sorted(found, key=lambda holding: (holding.used, holding.name)))


def unused_since(found: Iterable[Holding], days: int, now: float) -> tuple[Holding, ...]:
    return tuple(holding for holding in found if holding.used < now - days * _DAY)


def beyond_size(found: Iterable[Holding], size: int) -> tuple[Holding, ...]:
    """Of ``found``, the longest unused first, those that must go for the others to fit into ``size`` bytes."""
    found = tuple(found)
    excess = sum(holding.size for holding in found) - size
    chosen = []
    for holding in found:
        if excess <= 0:
            break
        chosen.append(holding)
        excess -= holding.size
    return tuple(chosen)


def remove(cache: Cache, chosen: Iterable[Holding]) -> int:
    """Only while no build uses the cache. Returns the bytes that are free now and were not before."""
    freed = 0
    for holding in chosen:
        holding.path.unlink(missing_ok=True)
        freed += holding.frees
    # What killed runs left, for nobody is at work now; and what is known of files that the cache has no more.
    for left in (*_files(cache.folder / "aside"), *_idle_records(cache)):
        freed += left.stat().st_size
        left.unlink()
    return freed


def _idle_records(cache: Cache) -> Iterator[Path]:
    """Of files which they are named after, whole or partial; and those that name files, of which one is gone."""
    for path in (path for name in _NAMED_AFTER for path in _files(cache.folder / name)):
        if path.stem not in cache:
            yield path
    for path in _files(cache.partials):
        if path.suffix == ".json" and not path.with_suffix("").exists():
            yield path
    for path in (path for name in _RECORDS for path in _files(cache.folder / name)):
        digests = _BARE_DIGEST.findall(path.read_bytes())
        if not digests or not all(digest.decode() in cache for digest in digests):
            yield path


def _entries(cache: Cache) -> Iterator[Holding]:
    origins = origins_of(cache)
    for path in _files(cache.folder / "sha256"):
        found, origin = path.stat(), origins.get(path.name, "")
        shared = found.st_nlink > 1
        yield Holding(path, path.name, found.st_size, found.st_atime, whole=True, shared=shared, origin=origin)


def _partials(cache: Cache) -> Iterator[Holding]:
    for path in _files(cache.partials):
        if path.suffix != ".json":
            found, origin = path.stat(), origin_of(path)
            url = named(origin.url) if origin else ""
            yield Holding(path, path.name, found.st_size, found.st_mtime, whole=False, shared=False, origin=url)


def _files(folder: Path) -> Iterator[Path]:
    for below, _, names in os.walk(folder):
        yield from (Path(below, name) for name in names)
