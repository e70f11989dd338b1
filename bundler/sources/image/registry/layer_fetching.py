"""The layers of an image into the cache, several at a time, each looked through while it arrives."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bundler.cache import Cache, Stored
from bundler.http.transfer import Wanted
from bundler.needs import needs_of_fetching
from bundler.parallel import in_parallel
from bundler.progress import Meter
from bundler.sources.image.layers import records
from bundler.sources.image.layers.reader import LayerReader
from bundler.sources.image.layers.unpacked import LayerRead
from bundler.sources.image.registry.blobs import fetch_blob
from bundler.sources.image.registry.endpoints import Endpoints
from bundler.space import demand_room
from bundler.totals import with_total
from bundler.workplace import Workplace
from installer.errors import DamagedError


def take_layers(image: str, layers: Sequence[Stored], endpoints: Endpoints, work: Workplace) -> tuple[LayerRead, ...]:
    """What each of ``layers`` turned out to hold. One that the cache has and that was read before costs nothing."""
    known = {one: read for one in layers if (read := _recall(work.cache, one))}
    missing = [one for one in dict.fromkeys(layers) if one not in known]

    def take(layer: Stored, meter: Meter) -> None:
        known[layer] = _take(_wanted(image, layer, layers, endpoints), work, meter)

    demand_room(needs_of_fetching(missing, work.cache))
    with with_total(layers, work.cache, work.meter) as meter:
        in_parallel(take, missing, work.jobs, meter)
    return tuple(known[one] for one in layers)


def fetch_layers(image: str, layers: Sequence[Stored], endpoints: Endpoints, work: Workplace) -> None:
    """Only their bytes: what they hold is known already."""
    missing = [one for one in dict.fromkeys(layers) if one.sha256 not in work.cache]

    def fetch(layer: Stored, meter: Meter) -> None:
        fetch_blob(_wanted(image, layer, layers, endpoints), work, meter)

    demand_room(needs_of_fetching(missing, work.cache))
    with with_total(layers, work.cache, work.meter) as meter:
        in_parallel(fetch, missing, work.jobs, meter)


def _recall(cache: Cache, layer: Stored) -> LayerRead | None:
    return records.recall(cache, layer.sha256) if layer.sha256 in cache else None


def _wanted(image: str, layer: Stored, layers: Sequence[Stored], endpoints: Endpoints) -> Wanted:
    """Its number is that in the image, however many of the others are here already."""
    return Wanted(
        what=f"{image} layer {layers.index(layer) + 1}/{len(layers)}",
        urls=endpoints.blob_urls(layer.sha256),
        sha256=layer.sha256,
        size=layer.size,
        credentials=endpoints.credentials,
    )


def _take(wanted: Wanted, work: Workplace, meter: Meter) -> LayerRead:
    if known := records.recall(work.cache, wanted.sha256):  # its bytes have gone, what they were is known
        fetch_blob(wanted, work, meter)
        return known
    with _reading(wanted.what) as watch:
        fetch_blob(wanted, work, meter, watch.start)
        read = watch.finish()
    records.remember(work.cache, wanted.sha256, read)
    return read


class _Watch:
    """The reader of the bytes as they are now: a file that starts over has a new one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._reader: LayerReader | None = None

    def start(self) -> LayerReader:
        self.close()
        self._reader = LayerReader(self._what)
        return self._reader

    def finish(self) -> LayerRead:
        if self._reader is None:
            raise DamagedError(f"{self._what}: nothing of it was seen")
        return self._reader.finish()

    def close(self) -> None:
        if self._reader:
            self._reader.close()


@contextmanager
def _reading(what: str) -> Iterator[_Watch]:
    watch = _Watch(what)
    try:
        yield watch
    finally:
        watch.close()
