"""What a build has still to write, and where, before it writes a byte."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.cloning import can_clone
from bundler.lock import LockedFile
from bundler.space import Need


def needs_of_fetching(files: Iterable[LockedFile | Stored], cache: Cache) -> Iterator[Need]:
    """What the cache lacks, less what an earlier run has left of it."""
    lacking = {file.sha256: file.size for file in files if file.sha256 not in cache}
    size = sum(max(0, size - cache.arrived(sha256)) for sha256, size in lacking.items())
    yield Need(cache.folder, size, "what is to be fetched")


def needs_of_bundle(
    folder: Path, files: Iterable[LockedFile], in_place: Mapping[str, Path], cache: Cache
) -> Iterator[Need]:
    """What has to be copied to ``folder``: neither linked nor cloned. ``in_place`` lie elsewhere than in the cache."""
    cache.folder.mkdir(parents=True, exist_ok=True)
    device, clones = folder.stat().st_dev, can_clone(folder)
    copied = 0
    for file in files:
        origin = in_place.get(file.path)
        near = (origin or cache.folder).stat().st_dev == device
        if not near or (origin and not clones):
            copied += file.size
    yield Need(folder, copied, "the bundle")
