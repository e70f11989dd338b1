"""An image without Ray, with it: one more layer, and a configuration that says so."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bundler.backend import choose_backend
from bundler.cache import Stored
from bundler.http.transfer import Wanted, transfer
from bundler.lock import LockedFile, LockedImage
from bundler.manifest import Manifest
from bundler.needs import in_cache, needs_of_fetching
from bundler.sources.image.configuration import read_configuration
from bundler.sources.image.inside import fold
from bundler.sources.image.layers import records
from bundler.sources.image.layers.contents import LayerContents
from bundler.sources.image.layers.reader import LayerReader
from bundler.sources.image.layout import Layer, Origin, Parts, lay_out
from bundler.sources.image.ray.layer import home_of, make_layer
from bundler.sources.image.ray.wheels import RAY, refusal, wheels_for
from bundler.space import demand_room
from bundler.wheels import Wheel
from bundler.workplace import Workplace

_BUFFER = 1 << 20  # bytes
_BLOBS = "image/blobs/sha256/"
_ADDED = f"Ray {RAY} of PyPI, added as a layer"


def with_ray_if_needed(manifest: Manifest, image: LockedImage, work: Workplace) -> LockedImage:
    """``image`` as it is, unless the nodes are to work together by Ray and it holds none."""
    cluster, versions = manifest.cluster, image.image.versions
    if "ray" in versions or choose_backend(cluster.backend, cluster.nodes, versions).name != "ray":
        return image
    return add_ray(image, work)


def add_ray(image: LockedImage, work: Workplace, table: Callable[[str], Sequence[Wheel]] = wheels_for) -> LockedImage:
    """``table`` gives the wheels for a Python, Ray's first."""
    config = work.cache.path(_hex(image.image.config)).read_bytes()
    blobs = _layers(image, work)
    inside = fold(read_configuration(config), [_contents(blob, work) for blob in blobs])
    if problem := refusal(image.image.reference, inside.python):
        raise problem
    wheels = [wheel for wheel in table(inside.python) if wheel.name not in inside.installed]
    added_size = sum(wheel.size for wheel in wheels)  # about that, as both are packed
    room = (*needs_of_fetching(wheels, work.cache), in_cache(work.cache, added_size, "the layer with Ray"))
    demand_room(room)
    paths = [_fetch(wheel, work) for wheel in wheels]
    with work.meter(_ADDED, None) as advance:
        added = make_layer(paths, home_of(inside), work.cache, advance)
    pairs = zip(image.image.diff_ids, blobs, strict=True)
    layers = [Layer(diff_id, Stored(blob.sha256, blob.size)) for diff_id, blob in pairs]
    parts = Parts(_configured(config, added.diff_id), (*layers, added), {**image.image.versions, "ray": RAY})
    return _kept(image, lay_out(parts, Origin(image.image.reference, _ADDED, "build"), work.cache))


def _layers(image: LockedImage, work: Workplace) -> list[LockedFile]:
    """Lowest first, as the image's own list for docker has them."""
    files = {file.path: file for file in image.files}
    (listed,) = json.loads(work.cache.path(files["image/manifest.json"].sha256).read_bytes())
    return [files[f"image/{path}"] for path in listed["Layers"]]


def _contents(blob: LockedFile, work: Workplace) -> LayerContents:
    """Remembered from when the layer came, or read now."""
    if known := records.recall(work.cache, blob.sha256):
        return known.contents
    reader = LayerReader(blob.path)
    try:
        with (
            work.cache.path(blob.sha256).open("rb") as file,
            work.meter(f"look into {blob.path}", blob.size) as advance,
        ):
            while piece := file.read(_BUFFER):
                reader.feed(piece)
                advance(len(piece))
        read = reader.finish()
    finally:
        reader.close()
    records.remember(work.cache, blob.sha256, read)
    return read.contents


def _fetch(wheel: Wheel, work: Workplace) -> Path:
    wanted = Wanted(f"{wheel.name} {wheel.version}", (wheel.url,), wheel.sha256, wheel.size)
    return work.cache.path(transfer(wanted, work.client, work.cache, work.meter).sha256)


def _configured(config: bytes, diff_id: str) -> bytes:
    """Everything else stays as the image's maker wrote it."""
    document = json.loads(config)
    document["rootfs"]["diff_ids"].append(diff_id)
    entry = {"created": document.get("created", "1970-01-01T00:00:00Z"), "created_by": f"vllm-airgap: Ray {RAY}"}
    document["history"] = [*(document.get("history") or ()), entry]
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _kept(before: LockedImage, after: LockedImage) -> LockedImage:
    """The layers that were there keep their provenance, and the image what was known of it."""
    known = {file.path: file for file in before.files if file.path.startswith(_BLOBS)}
    files = tuple(known.get(file.path, file) for file in after.files)
    return LockedImage(replace(after.image, requires=before.image.requires), files, before.pinned)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
