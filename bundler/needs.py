"""What a build has still to write, and where, before it writes a byte."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from bundler.cache import Cache
from bundler.cloning import can_clone
from bundler.holdings import holdings, unused_since
from bundler.sizes import in_units
from bundler.space import Need

_LONG_UNUSED = 30  # days


class Sized(Protocol):
    """``sha256`` is "" where nobody has told it yet."""

    @property
    def sha256(self) -> str: ...

    @property
    def size(self) -> int: ...


class Placed(Sized, Protocol):
    """``path`` is its place in the bundle; ``url`` "" if it is not fetched."""

    @property
    def path(self) -> str: ...

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Coming:
    """A file that a source is going to bring. ``url`` is any that it is fetched from, "" if it comes otherwise."""

    path: str
    size: int
    sha256: str = ""
    url: str = ""


def in_cache(cache: Cache, size: int, what: str) -> Need:
    return Need(cache.folder, size, what, partial(_room_for_cache, cache))


def in_bundle(folder: Path, size: int) -> Need:
    """Where nothing has to be copied, another folder would not help."""
    return Need(folder, size, "the bundle", lambda: "-o DIR puts the bundle elsewhere" if size > 0 else "")


def _room_for_cache(cache: Cache) -> str:
    idle = sum(file.frees for file in unused_since(holdings(cache), _LONG_UNUSED, time.time()))
    elsewhere = "VLLM_AIRGAP_CACHE=DIR puts the cache elsewhere"
    prune = f"`bundle cache prune --older-than {_LONG_UNUSED}` frees {in_units(idle)}"
    return f"{prune}; {elsewhere}" if idle else elsewhere


def needs_of_fetching(files: Iterable[Sized], cache: Cache) -> Iterator[Need]:
    """What the cache lacks, less what an earlier run has left of it."""
    lacking = {file.sha256 or file: file for file in files if file.sha256 not in cache}.values()
    size = sum(max(0, file.size - (cache.arrived(file.sha256) if file.sha256 else 0)) for file in lacking)
    yield in_cache(cache, size, "what is to be fetched")


def needs_of_bundle(
    folder: Path, files: Iterable[Placed], in_place: Mapping[str, Path], cache: Cache
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
    yield in_bundle(folder, copied)
