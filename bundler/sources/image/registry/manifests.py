"""The two documents of a registry that say what an image consists of: the list for many platforms, and the manifest."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.cache import Stored
from installer.errors import DamagedError, RefusedError, printable
from installer.index.strict import Place

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED = (OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST)
_LISTS = frozenset((OCI_INDEX, DOCKER_LIST))
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_GZIP_LAYERS = frozenset((f"{_OCI_LAYER}+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"))
_PLAIN_LAYERS = frozenset((_OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar"))
_ZSTD_LAYERS = frozenset((f"{_OCI_LAYER}+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd"))
_CONFIGS = frozenset(
    ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"),
)
_PLATFORM = ("linux", "amd64")
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_LARGEST_BLOB = 1 << 43  # bytes
_MOST_SHOWN = 12
_BY_TOOL = "`docker buildx imagetools inspect IMAGE` shows what there is"


@dataclass(frozen=True)
class ServedManifest:
    """One platform's image, as the registry has it: ``body`` is kept byte by byte, since docker knows its digest."""

    media_type: str
    body: bytes
    config: Stored
    layers: tuple[Stored, ...]


class _Document(Place):
    """What a registry answers is damaged where it is wrong, and nobody's mistake here."""

    error = DamagedError


def is_list(media_type: str) -> bool:
    return media_type in _LISTS


def kind_of(body: bytes, content_type: str, image: str) -> str:
    """The media type of ``body``: what it says of itself; where it says nothing, what it was served as."""
    at = _parse(body, image)
    served = content_type.partition(";")[0].strip().lower()
    if at.values.get("schemaVersion") == 1 or "schemaVersion" not in at.values:
        raise RefusedError(
            f"{image}: the registry has it in the form of 2014 only (schema 1), which has no digests to check",
            hint="push it again with a docker of this decade, or name another tag",
        )
    stated = at.values.get("mediaType", served)
    if stated not in ACCEPTED:
        raise RefusedError(
            f"{image}: is no image, but {printable(str(stated))[:120]}",
            hint="the reference may be that of a chart, a model or a signature",
        )
    if served in ACCEPTED and stated != served:
        # Two readers of it could see two images (CVE-2021-41190).
        raise DamagedError(f"{image}: says it is {stated}, but was served as {served}")
    return str(stated)


def choose(body: bytes, image: str) -> str:
    """The digest of the one for the nodes' platform in a list; RefusedError names those that are there."""
    there: list[str] = []
    for entry in _parse(body, image).each("manifests"):
        if not entry.has("platform") or _is_attestation(entry):
            continue
        platform = entry.inside("platform")
        name = (platform.text("os"), platform.text("architecture"))
        if name == _PLATFORM:
            return f"sha256:{_descriptor(entry).sha256}"
        there.append(printable("/".join(name)))
    found = ", ".join(there[:_MOST_SHOWN]) or "none at all"
    raise RefusedError(
        f"{image}: has no image for {'/'.join(_PLATFORM)}, which the nodes are; it has {found}", hint=_BY_TOOL
    )


def read_manifest(body: bytes, media_type: str, image: str) -> ServedManifest:
    """RefusedError for an image that no docker could load on a node."""
    at = _parse(body, image)
    config = at.inside("config")
    if config.text("mediaType") not in _CONFIGS:
        raise RefusedError(f"{image}: is no image that runs, but {config.text('mediaType')[:120]}")
    layers = tuple(_layer(layer, number, image) for number, layer in enumerate(at.each("layers")))
    if not layers:
        raise RefusedError(f"{image}: has no layers")
    return ServedManifest(media_type, body, _descriptor(config), layers)


def _layer(at: Place, number: int, image: str) -> Stored:
    media_type = at.text("mediaType")
    if media_type in _ZSTD_LAYERS:
        raise RefusedError(
            f"{image}: layer {number} is compressed with zstd, which docker before 23 cannot load",
            hint="name an image with gzip layers; `skopeo copy --dest-compress-format gzip` makes one",
        )
    if "foreign" in media_type or "nondistributable" in media_type or at.has("urls"):
        raise RefusedError(
            f"{image}: layer {number} is not in the registry: its licence forbids to pass it on, only links are there",
            hint="name an image that holds all its layers",
        )
    if media_type not in _GZIP_LAYERS | _PLAIN_LAYERS:
        raise RefusedError(f"{image}: layer {number} is {media_type[:120]}, which docker cannot load")
    return _descriptor(at)


def _is_attestation(at: Place) -> bool:
    """What buildx adds: no image, of unknown platform."""
    notes = at.values.get("annotations")
    marked = isinstance(notes, Mapping) and notes.get("vnd.docker.reference.type") == "attestation-manifest"
    return marked or at.inside("platform").values.get("os") == "unknown"


def _descriptor(at: Place) -> Stored:
    found = _SHA256.fullmatch(at.text("digest"))
    if found is None:
        raise RefusedError(f"{at.at('digest')}: only sha256 is known here")
    return Stored(found[1], at.integer("size", 0, _LARGEST_BLOB))


def _parse(body: bytes, image: str) -> _Document:
    try:
        return _Document.of(json.loads(body, object_pairs_hook=_once), f"{image}: manifest")
    except (ValueError, RecursionError):
        raise DamagedError(
            f"{image}: the registry's manifest is not JSON", hint="a proxy may have answered instead of the registry"
        ) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
