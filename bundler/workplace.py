"""What every stage of a build works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.lock import Component, LockedFile
from bundler.manifest import Manifest
from bundler.needs import Coming
from bundler.progress import Meter, Tell
from bundler.space import Need


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


@dataclass(frozen=True)
class Announced:
    """What a source tells of one part by small requests alone, before ``take`` brings it.

    ``files`` get into the bundle; ``needs`` are for what does not. Both as far as they are known.
    """

    take: Callable[[], Found]
    files: tuple[Coming, ...] = ()
    needs: tuple[Need, ...] = ()


Find = Callable[[Manifest, Workplace], Found]
Source = Callable[[Manifest, Workplace], Announced]
Sources = Mapping[str, Source]  # by part of the manifest, in the order in which they are asked


def unannounced(find: Find) -> Source:
    """The source of what has no size before it is there."""
    return lambda manifest, work: Announced(partial(find, manifest, work))
