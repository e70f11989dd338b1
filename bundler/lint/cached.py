"""Where the cache has what rules look into. Damage there is no finding: the file counts as not here, and is fetched."""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache as once
from pathlib import Path

from bundler.cache import Cache
from bundler.lock import LockedFile

Places = Callable[[str], Path | None]  # by the path in the bundle; None for what is not here
_SOON = 64 << 20  # bytes that are hashed in no time


def cached_places(files: Iterable[LockedFile], cache: Cache) -> Places:
    """Hashed when they are asked for, but for what is long: of weights a rule reads the first bytes alone."""
    return _places(files, cache, lambda file, path: file.size > _SOON or _is_whole(file, path))


def hashed_places(files: Iterable[LockedFile], cache: Cache) -> Places:
    """For who found a mistake, which may be damage: all of them hashed, weights for as long as that takes."""
    return _places(files, cache, _is_whole)


def _places(files: Iterable[LockedFile], cache: Cache, is_sound: Callable[[LockedFile, Path], bool]) -> Places:
    by_path = {file.path: file for file in files}

    @once
    def place(path: str) -> Path | None:
        file = by_path.get(path)
        there = cache.path(file.sha256) if file else None
        is_here = file and there and there.is_file() and there.stat().st_size == file.size and is_sound(file, there)
        return there if is_here else None

    return place


def _is_whole(file: LockedFile, path: Path) -> bool:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
