"""The two documents of a registry that say what an image consists of: the list for many platforms, and the manifest."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.cache import Stored
from bundler.sources.image.foreign_document import ForeignDocument
from bundler.sources.image.layers.compression import refused_zstd
from bundler.sources.image.media_types import (
    DOCKER_CONFIG,
    DOCKER_GZIP_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_PLAIN_LAYER,
    DOCKER_ZSTD_LAYER,
    OCI_CONFIG,
    OCI_GZIP_LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    OCI_PLAIN_LAYER,
    OCI_ZSTD_LAYER,
)
from installer.errors import DamagedError, RefusedError, printable
from installer.index.strict import Place

ACCEPTED = (OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST)
_LISTS = frozenset((OCI_INDEX, DOCKER_LIST))
_LAYERS = frozenset((OCI_GZIP_LAYER, OCI_PLAIN_LAYER, DOCKER_GZIP_LAYER, DOCKER_PLAIN_LAYER))
_ZSTD_LAYERS = frozenset((OCI_ZSTD_LAYER, DOCKER_ZSTD_LAYER))
_CONFIGS = frozenset((OCI_CONFIG, DOCKER_CONFIG))
_PLATFORM = ("linux", "amd64")
_ON_EVERY_PROCESSOR = ("", "v1")  # variants of amd64; v2 to v4 need newer ones
_SAYS_NOTHING = frozenset(("", "application/json", "text/plain", "application/octet-stream"))  # of what was served
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


def is_list(media_type: str) -> bool:
    return media_type in _LISTS


def kind_of(body: bytes, content_type: str, image: str) -> str:
    """The media type of ``body``: what it says of itself, else what it was served as, else what its members are of."""
    at = _parse(body, image)
    served = content_type.partition(";")[0].strip().lower()
    if at.values.get("schemaVersion") == 1 or "schemaVersion" not in at.values:
        raise RefusedError(
            f"{image}: the registry has it in the form of 2014 only (schema 1), which has no digests to check",
            hint="push it again with a docker of this decade, or name another tag",
        )
    if at.has("manifests") and (at.has("layers") or at.has("config")):
        # Two readers of it could see two images (CVE-2021-41190).
        raise DamagedError(f"{image}: what the registry has is both a list and an image", hint=_BY_TOOL)
    stated = at.values.get("mediaType") or (_by_its_members(at) if served in _SAYS_NOTHING else served)
    if stated not in ACCEPTED:
        raise RefusedError(
            f"{image}: is no image, but {printable(str(stated))[:120]}",
            hint="the reference may be that of a chart, a model or a signature",
        )
    if served in ACCEPTED and stated != served:
        raise DamagedError(f"{image}: says it is {stated}, but was served as {served}")
    return str(stated)


def choose(body: bytes, image: str) -> str:
    """The digest of the one for the nodes' platform in a list; RefusedError names those that are there.

    The only one that names no platform will do: its own configuration names it, and is held against the nodes'.
    """
    entries = [entry for entry in _parse(body, image).each("manifests") if _may_be_image(entry)]
    nameless = [entry for entry in entries if not all(_platform(entry))]
    if fitting := [entry for entry in entries if _platform(entry) == _PLATFORM]:
        return f"sha256:{_descriptor(min(fitting, key=_asks_of_processor)).sha256}"
    if len(nameless) == 1:
        return f"sha256:{_descriptor(nameless[0]).sha256}"
    there = [printable("/".join(_platform(entry)))[:80] for entry in entries if all(_platform(entry))][:_MOST_SHOWN]
    if nameless:
        there.append(f"{len(nameless)} of unknown platform")
    raise RefusedError(
        f"{image}: has no image for {'/'.join(_PLATFORM)}, which the nodes are; "
        f"it has {', '.join(there) or 'none at all'}",
        hint=_BY_TOOL,
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
        raise refused_zstd(f"{image}: layer {number}")
    if "foreign" in media_type or "nondistributable" in media_type or at.has("urls"):
        raise RefusedError(
            f"{image}: layer {number} is not in the registry: its licence forbids to pass it on, only links are there",
            hint="name an image that holds all its layers",
        )
    if media_type not in _LAYERS:
        raise RefusedError(f"{image}: layer {number} is {media_type[:120]}, which docker cannot load")
    return _descriptor(at)


def _by_its_members(at: Place) -> str:
    """Only OCI's documents may leave out what they are."""
    if at.has("manifests"):
        return OCI_INDEX
    return OCI_MANIFEST if at.has("layers") else "a document that does not say what it is"


def _may_be_image(at: Place) -> bool:
    """Signatures and charts stand in lists, too; what leaves out a type is what it always was."""
    of_image = (at.values.get("mediaType") or OCI_MANIFEST) in ACCEPTED
    return of_image and str(at.values.get("artifactType") or OCI_CONFIG) in _CONFIGS and not _is_attestation(at)


def _is_attestation(at: Place) -> bool:
    """What buildx adds: no image, of unknown platform."""
    notes = at.values.get("annotations")
    marked = isinstance(notes, Mapping) and notes.get("vnd.docker.reference.type") == "attestation-manifest"
    return marked or _platform(at)[0] == "unknown"


def _platform(at: Place) -> tuple[str, str]:
    """System and machine, "" for what is left out."""
    return _said_of_platform(at, "os"), _said_of_platform(at, "architecture")


def _asks_of_processor(at: Place) -> tuple[bool, str]:
    """To compare by: what asks for less comes first."""
    variant = _said_of_platform(at, "variant")
    return variant not in _ON_EVERY_PROCESSOR, variant


def _said_of_platform(at: Place, key: str) -> str:
    said = at.values.get("platform")
    value = said.get(key) if isinstance(said, Mapping) else None
    return value if isinstance(value, str) else ""


def _descriptor(at: Place) -> Stored:
    found = _SHA256.fullmatch(at.text("digest"))
    if found is None:
        raise RefusedError(f"{at.at('digest')}: only sha256 is known here")
    return Stored(found[1], at.integer("size", 0, _LARGEST_BLOB))


def _parse(body: bytes, image: str) -> ForeignDocument:
    try:
        return ForeignDocument.of(json.loads(body, object_pairs_hook=_once), f"{image}: manifest")
    except (ValueError, RecursionError):
        raise DamagedError(
            f"{image}: the registry's manifest is not JSON", hint="a proxy may have answered instead of the registry"
        ) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
