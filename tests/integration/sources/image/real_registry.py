"""Debian's own docker-registry on loopback, and images pushed to it by skopeo."""

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.sources.image.certificates import Certificates
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, hex_digest

USER, PASSWORD = "carrier", "carry: over"
# Made by htpasswd -B, the only form that docker-registry reads.
_HTPASSWD = f"{USER}:$2b$04$NRgLMnOg36PGRPpHHFXbIOdFXeTEevb.2lW19r42rVaFSm3Z7SZo6\n"
_START_SECONDS = 20
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Registry:
    """``host`` is HOST:PORT."""

    host: str
    folder: Path
    certificates: Certificates | None = None

    def reference(self, name: str) -> str:
        return f"{self.host}/{name}"

    def push(self, layout: Path, name: str, *options: str) -> None:
        certificates = ("--dest-tls-verify=false",)
        copy("--all", *certificates, *options, f"oci:{layout}", f"docker://{self.host}/{name}")


def copy(*words: str) -> None:
    done = subprocess.run(("skopeo", "--insecure-policy", "copy", "--quiet", *words), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def registry(folder: Path, auth: str = "", certificates: Certificates | None = None) -> Iterator[Registry]:
    """``auth`` is the section of that name in its configuration."""
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tls = f"  tls: {{certificate: {certificates.certificate}, key: {certificates.key}}}\n" if certificates else ""
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n{auth}"
        f'http:\n  addr: "127.0.0.1:{port}"\n  secret: x\n{tls}'
    )
    with (folder / "log").open("wb") as log:
        command = ("docker-registry", "serve", str(config))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(port, process)
            yield Registry(f"127.0.0.1:{port}", folder, certificates)
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


def basic_auth(folder: Path) -> str:
    (folder / "htpasswd").write_text(_HTPASSWD)
    return f'auth:\n  htpasswd: {{realm: "tests, of \\"us\\"", path: {folder / "htpasswd"}}}\n'


def write_layout(folder: Path, images: Sequence[tuple[FakeImage, str]]) -> Path:
    """An OCI image layout; a single image is in it by itself, several in a list of platforms."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def store(data: bytes, media_type: str, **more: object) -> dict[str, object]:
        (blobs / hex_digest(data)).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{hex_digest(data)}", "size": len(data), **more}

    entries = []
    for image, architecture in images:
        document = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": store(image.config, _CONFIG),
            "layers": [store(gzip.compress(layer, mtime=0), _LAYER) for layer in image.layers],
        }
        platform = {"os": image.system, "architecture": architecture}
        entries.append(store(json.dumps(document).encode(), _MANIFEST, platform=platform))
    if len(entries) > 1:
        listed = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}
        entries = [store(json.dumps(listed).encode(), _INDEX)]
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "docker-registry ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("docker-registry does not answer")
