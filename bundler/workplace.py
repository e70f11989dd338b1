"""What every stage of a build works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.lock import Component, LockedFile
from bundler.manifest import Manifest
from bundler.progress import Meter, Tell


@dataclass(frozen=True)
class Workplace:
    """Where files gather, who is told, and who fetches."""

    cache: Cache
    meter: Meter
    tell: Tell
    client: Client
    jobs: int  # files fetched at a time


@dataclass(frozen=True)
class Found:
    """What a source found for one part of the manifest: what the index says of it, and its files."""

    component: Component | None
    files: tuple[LockedFile, ...]
    pinned: str = ""  # as in the lock's Part


Source = Callable[[Manifest, Workplace], Found]
Sources = Mapping[str, Source]  # by part of the manifest, in the order in which they are asked
