"""Whether there will be room, asked as early as sizes are known: before anything is fetched or read for hours."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from bundler.cache import Cache
from bundler.lock import Lock
from bundler.manifest import Manifest
from bundler.needs import Coming, Placed, needs_of_bundle, needs_of_fetching
from bundler.sources.model import directory
from bundler.space import demand_room, standing
from bundler.workplace import Announced


def demand_room_for(
    target: Path, manifest: Manifest, cache: Cache, known: Lock, announced: Mapping[str, Announced]
) -> None:
    """For the bundle in ``target``: what ``known`` has of it, and what is ``announced`` and still to be taken.

    Of a model's folder the sizes are always known.
    """
    in_place = _in_place(manifest)
    locked = [file for file in known.files if not (in_place and file.kind == "model")]
    taken: tuple[Placed, ...] = (*locked, *chain.from_iterable(part.files for part in announced.values()))
    files: tuple[Placed, ...] = (*taken, *(Coming(name, path.stat().st_size) for name, path in in_place.items()))
    passing = chain.from_iterable(part.needs for part in announced.values())
    bundle = needs_of_bundle(standing(target.parent), files, in_place, cache)
    demand_room((*needs_of_fetching(taken, cache), *bundle, *passing))


def _in_place(manifest: Manifest) -> Mapping[str, Path]:
    if manifest.model.source != "directory":
        return {}
    return directory.list_files(manifest.model_folder)
