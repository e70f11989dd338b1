"""What `docker save` sends, made by hand in both layouts."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

PIECE = 10_000  # bytes; no multiple of what tar counts in


def tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def pieces(stream: bytes) -> Iterator[bytes]:
    return (stream[at : at + PIECE] for at in range(0, len(stream), PIECE))


def hex_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class FakeImage:
    """An image as a daemon holds it: layers unpacked to tar, and the configuration made of their digests."""

    layers: tuple[bytes, ...]
    architecture: str = "amd64"
    system: str = "linux"
    extra: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None

    @property
    def config(self) -> bytes:
        diff_ids = [f"sha256:{hex_digest(layer)}" for layer in self.layers]
        document = {
            "architecture": self.architecture,
            "os": self.system,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "config": {"Env": ["PATH=/bin"], "Healthcheck": {"Timeout": -1, "Share": 0.5}},
            **self.extra,
        }
        return json.dumps(document).encode()

    @property
    def id(self) -> str:
        return f"sha256:{hex_digest(self.config)}"

    def saved_by_24(self) -> bytes:
        """A folder a layer; a repeated layer is a link."""
        files: dict[str, bytes] = {}
        links: dict[str, str] = {}
        names: dict[bytes, str] = {}
        listed = []
        for number, layer in enumerate(self.layers):
            folder = hex_digest(f"{number}".encode())
            files[f"{folder}/VERSION"] = b"1.0"
            files[f"{folder}/json"] = b'{"id": "x"}'
            listed.append(f"{folder}/layer.tar")
            if layer in names:
                links[f"{folder}/layer.tar"] = f"../{names[layer]}/layer.tar"
            else:
                names[layer] = folder
                files[f"{folder}/layer.tar"] = layer
        config = f"{hex_digest(self.config)}.json"
        files[config] = self.config
        files["manifest.json"] = manifest(config, listed, self.tags)
        files["repositories"] = b"{}"
        return tar(files, links)

    def saved_by_25(self) -> bytes:
        return self._saved_as_oci(self.layers)

    def saved_by_29(self) -> bytes:
        """The containerd store gives layers as they were pulled."""
        return self._saved_as_oci([gzip.compress(layer, mtime=1) for layer in self.layers])

    def saved_with_zstd(self) -> bytes:
        return self._saved_as_oci([b"\x28\xb5\x2f\xfd" + layer for layer in self.layers])

    def _saved_as_oci(self, blobs: Sequence[bytes]) -> bytes:
        files = {f"blobs/sha256/{hex_digest(blob)}": blob for blob in (*blobs, self.config)}
        files["index.json"] = b'{"schemaVersion": 2, "manifests": []}'
        config, *_ = (name for name, blob in files.items() if blob == self.config)
        files["manifest.json"] = manifest(config, [f"blobs/sha256/{hex_digest(blob)}" for blob in blobs], self.tags)
        files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
        return tar(files)


def saved_together(*images: FakeImage) -> bytes:
    """`docker save ONE OTHER`, as docker 25 writes it."""
    blobs = {blob for image in images for blob in (*image.layers, image.config)}
    files = {f"blobs/sha256/{hex_digest(blob)}": blob for blob in blobs}
    entries = [
        _entry(
            f"blobs/sha256/{hex_digest(image.config)}",
            [f"blobs/sha256/{hex_digest(layer)}" for layer in image.layers],
            image.tags,
        )
        for image in images
    ]
    files["manifest.json"] = json.dumps(entries).encode()
    return tar(files)


def manifest(config: str, layers: Sequence[str], tags: Sequence[str] | None = None) -> bytes:
    return json.dumps([_entry(config, layers, tags)]).encode()


def _entry(config: str, layers: Sequence[str], tags: Sequence[str] | None) -> dict[str, object]:
    return {"Config": config, "RepoTags": list(tags) if tags else None, "Layers": list(layers)}
