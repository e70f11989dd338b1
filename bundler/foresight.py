"""Whether there will be room, and how much is to come: as early as sizes are known, before anything is fetched."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from bundler.cache import Cache
from bundler.lock import Lock
from bundler.manifest import Manifest
from bundler.needs import Coming, Placed, needs_of_bundle, needs_of_fetching
from bundler.sources.model import directory
from bundler.space import demand_room, standing
from bundler.totals import Overall
from bundler.workplace import Announced


def look_ahead(
    target: Path,
    manifest: Manifest,
    cache: Cache,
    total: Overall,
    known: Lock,
    announced: Mapping[str, Announced],
) -> None:
    """At what ``known`` has of the bundle in ``target``, and at what is ``announced`` and still to be taken."""
    _demand_room(target, manifest, cache, known, announced)
    total.expect(_to_be_fetched(known, announced), cache)


def _demand_room(
    target: Path, manifest: Manifest, cache: Cache, known: Lock, announced: Mapping[str, Announced]
) -> None:
    """Of a model's folder the sizes are always known."""
    in_place = _in_place(manifest)
    locked = [file for file in known.files if not (in_place and file.kind == "model")]
    taken: tuple[Placed, ...] = (*locked, *_coming(announced))
    files: tuple[Placed, ...] = (*taken, *(Coming(name, path.stat().st_size) for name, path in in_place.items()))
    passing = chain.from_iterable(part.needs for part in announced.values())
    bundle = needs_of_bundle(standing(target.parent), files, in_place, cache)
    demand_room((*needs_of_fetching(taken, cache), *bundle, *passing))


def _to_be_fetched(known: Lock, announced: Mapping[str, Announced]) -> Iterator[Placed]:
    """What comes over the network, if the cache lacks it, as far as its size is known."""
    files: tuple[Placed, ...] = (*known.files, *_coming(announced))
    return (file for file in files if file.url)


def _coming(announced: Mapping[str, Announced]) -> Iterator[Coming]:
    return chain.from_iterable(part.files for part in announced.values())


def _in_place(manifest: Manifest) -> Mapping[str, Path]:
    if manifest.model.source != "directory":
        return {}
    return directory.list_files(manifest.model_folder)
