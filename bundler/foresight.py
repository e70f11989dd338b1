"""Whether there will be room, asked as early as sizes are known: before anything is fetched or read for hours."""

from collections.abc import Mapping
from pathlib import Path

from bundler.cache import Cache
from bundler.lock import Lock, LockedFile
from bundler.manifest import Manifest
from bundler.needs import needs_of_bundle, needs_of_fetching
from bundler.sources.model import directory
from bundler.space import demand_room, standing


def demand_room_for(target: Path, manifest: Manifest, lock: Lock, cache: Cache) -> None:
    """For the bundle in ``target``, as far as ``lock`` knows it; of a model's folder the sizes are always known."""
    in_place = _in_place(manifest)
    locked = [file for file in lock.files if not (in_place and file.kind == "model")]
    files = (*locked, *(_sized(name, path) for name, path in in_place.items()))
    folder = standing(target.parent)
    demand_room((*needs_of_fetching(locked, cache), *needs_of_bundle(folder, files, in_place, cache)))


def _in_place(manifest: Manifest) -> Mapping[str, Path]:
    if manifest.model.source != "directory":
        return {}
    return directory.list_files(manifest.model_folder)


def _sized(name: str, path: Path) -> LockedFile:
    """Its digest would take as long as everything."""
    return LockedFile(name, "model", path.stat().st_size, "", "", "first use")
