"""An image as a folder that every docker loads: OCI layout, and manifest.json for those before 29."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bundler.cache import Cache, Stored
from bundler.lock import LockedFile, LockedImage
from bundler.sources.image.configuration import read_configuration
from bundler.sources.image.media_types import OCI_CONFIG, OCI_GZIP_LAYER, OCI_INDEX, OCI_MANIFEST
from installer.errors import printable
from installer.index.components import Image
from installer.index.strict import LONGEST_TEXT, Value

_FOLDER = "image"


@dataclass(frozen=True)
class Layer:
    """A gzip-compressed layer in the cache; ``diff_id`` is the digest of what it unpacks to."""

    diff_id: str
    blob: Stored


@dataclass(frozen=True)
class Kept:
    """A manifest as a registry has it, which docker from 29 on knows the image by."""

    media_type: str
    body: bytes


@dataclass(frozen=True)
class Parts:
    """What an image consists of, lowest layer first; a layer may stand in it twice. One is made where none is kept."""

    config: bytes
    layers: tuple[Layer, ...]
    versions: dict[str, str]
    manifest: Kept | None = None
    requires: Mapping[str, str] = field(default_factory=dict)  # NVIDIA_REQUIRE_* of its environment

    @property
    def image_id(self) -> str:
        """As docker up to 28 has it."""
        return f"sha256:{hashlib.sha256(self.config).hexdigest()}"


@dataclass(frozen=True)
class Origin:
    """Where an image came from, for the index: ``known_by`` says who vouches for it."""

    reference: str
    source: str
    known_by: str


def lay_out(parts: Parts, origin: Origin, cache: Cache) -> LockedImage:
    """The small files go through the cache too. The same parts always give the same files."""
    config = _store(cache, parts.config)
    kept = parts.manifest or Kept(OCI_MANIFEST, _render(_oci_manifest(config, parts.layers)))
    manifest = _store(cache, kept.body)
    files = {
        "oci-layout": _store(cache, _render({"imageLayoutVersion": "1.0.0"})),
        "index.json": _store(cache, _render(_oci_index(kept.media_type, manifest))),
        "manifest.json": _store(cache, _render(_docker_manifest(config, parts.layers))),
    }
    configuration = read_configuration(parts.config)
    blobs = (config, manifest, *(layer.blob for layer in parts.layers))
    files |= {_blob_path(blob): blob for blob in blobs}
    return LockedImage(
        image=Image(
            reference=origin.reference,
            config=_digest(config),
            manifest=_digest(manifest),
            diff_ids=tuple(layer.diff_id for layer in parts.layers),
            versions=parts.versions,
            requires=dict(parts.requires),
            entrypoint=tuple(printable(word)[:LONGEST_TEXT] for word in configuration.entrypoint),
            architecture=configuration.architecture,
            created=configuration.created,
        ),
        files=tuple(_locked(path, files[path], origin) for path in sorted(files)),
    )


def _oci_manifest(config: Stored, layers: Sequence[Layer]) -> dict[str, Value]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(OCI_CONFIG, config),
        "layers": [_descriptor(OCI_GZIP_LAYER, layer.blob) for layer in layers],
    }


def _oci_index(media_type: str, manifest: Stored) -> dict[str, Value]:
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_descriptor(media_type, manifest)]}


def _docker_manifest(config: Stored, layers: Sequence[Layer]) -> list[Value]:
    return [{"Config": _blob_path(config), "RepoTags": None, "Layers": [_blob_path(layer.blob) for layer in layers]}]


def _descriptor(media_type: str, blob: Stored) -> dict[str, Value]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": blob.size}


def _render(document: Mapping[str, Value] | list[Value]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _store(cache: Cache, data: bytes) -> Stored:
    with cache.writer() as file:
        file.write(data)
        return file.keep()


def _digest(blob: Stored) -> str:
    return f"sha256:{blob.sha256}"


def _blob_path(blob: Stored) -> str:
    return f"blobs/sha256/{blob.sha256}"


def _locked(path: str, stored: Stored, origin: Origin) -> LockedFile:
    return LockedFile(
        path=f"{_FOLDER}/{path}",
        kind="image",
        size=stored.size,
        sha256=stored.sha256,
        source=origin.source,
        known_by=origin.known_by,
    )
