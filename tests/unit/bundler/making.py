"""Tiny real inputs, and bundles made of them by the real code."""

import gzip
import io
import struct
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundler.build import Built, build
from bundler.cache import Cache, Stored
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.lock import LockedFile
from bundler.manifest import Manifest, read_manifest
from bundler.needs import Coming
from bundler.progress import unwatched
from bundler.signing import SigningKey, load_key, make_key_pair
from bundler.sources.parts import SOURCES
from bundler.workplace import Announced, Find, Found, Source, Sources, Workplace, unannounced
from installer.index.components import Image
from tests.fakes.package_files import Made, driver_run, rpm_package
from tests.fakes.tiny_model import weights

MANIFEST = """\
name: tiny
sequence: 7
driver: {version: 550.10, url: driver.run}
docker: {version: 27.4.0, url: docker.tgz}
toolkit: {version: 1.17.8, url: toolkit.tar.gz}
image: {ref: "vllm:small"}
model: {path: tiny-model}
"""
WEIGHTS = weights("tiny", 7000)
PROGRAM = b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 62) + b"program" + bytes(64)
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "docker", "dockerd", "runc")
INNER = "release-v1.17.8-stable/packages/centos7/x86_64"
PACKAGES = (
    "libnvidia-container1",
    "libnvidia-container-tools",
    "nvidia-container-toolkit-base",
    "nvidia-container-toolkit",
)
RPMS = {f"{INNER}/{name}-1.17.8-1.x86_64.rpm": rpm_package(Made(name, "1.17.8-1")) for name in PACKAGES}


def tar_gz(members: Mapping[str, bytes], more: Iterable[tarfile.TarInfo] = ()) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member)
    return gzip.compress(packed.getvalue(), mtime=0)


def docker_tgz() -> bytes:
    return tar_gz({f"docker/{name}": PROGRAM for name in PROGRAMS})


def put(cache: Cache, content: bytes) -> Stored:
    with cache.writer() as writer:
        writer.write(content)
        return writer.keep()


def stored_file(cache: Cache, path: str, kind: str, content: bytes) -> LockedFile:
    stored = put(cache, content)
    return LockedFile(path, kind, stored.size, stored.sha256, f"test {kind}", "first use")


def find_image(_manifest: Manifest, work: Workplace) -> Found:
    image = Image(
        "vllm:small",
        f"sha256:{'1' * 64}",
        f"sha256:{'2' * 64}",
        (f"sha256:{'3' * 64}",),
        {"vllm": "0.6.4"},
        entrypoint=("vllm", "serve it"),
    )
    blob = stored_file(work.cache, f"image/blobs/sha256/{'4' * 64}", "image", b"layer")
    return Found(image, (blob, stored_file(work.cache, "image/oci-layout", "image", b"{}")))


def find_runtime(_manifest: Manifest, work: Workplace) -> Found:
    return Found(None, (stored_file(work.cache, "runtime.tar.gz", "runtime", b"python"),))


@dataclass
class Asked:
    """Sources as they are, but for those that need a docker daemon or a Python to pack; remembers who was asked."""

    names: list[str] = field(default_factory=list)
    image: Find = find_image
    runtime: Find = find_runtime
    announced: dict[str, tuple[Coming, ...]] = field(default_factory=dict)  # what a source says ahead, by its name

    def sources(self) -> Sources:
        chosen = {**SOURCES, "image": unannounced(self.image), "runtime": unannounced(self.runtime)}
        return {name: self._remembering(name, source) for name, source in chosen.items()}

    def _remembering(self, name: str, source: Source) -> Source:
        def ask(manifest: Manifest, work: Workplace) -> Announced:
            announced = source(manifest, work)

            def take() -> Found:
                self.names.append(name)
                return announced.take()

            return replace(announced, take=take, files=self.announced.get(name, announced.files))

        return ask


@dataclass
class Site:
    """A folder with a manifest and its inputs, a cache, and a key."""

    folder: Path
    asked: Asked = field(default_factory=Asked)
    told: list[str] = field(default_factory=list)

    @property
    def manifest(self) -> Path:
        return self.folder / "tiny.yaml"

    @property
    def model(self) -> Path:
        return self.folder / "tiny-model"

    @property
    def work(self) -> Workplace:
        client = Client(Patience(tell=self.told.append, sleep=lambda _seconds: None))
        return Workplace(Cache(self.folder / "cache"), unwatched, self.told.append, client, jobs=3)

    @property
    def public_key(self) -> Path:
        return self.folder / "release.pub"

    @property
    def key(self) -> SigningKey:
        return load_key(self.folder / "release.key", bytes)

    def build(self, name: str = "out") -> Built:
        return self._build(name, self.key)

    def build_unsigned(self, name: str = "out") -> Built:
        return self._build(name, None)

    def _build(self, name: str, key: SigningKey | None) -> Built:
        target = Path(name) if name == "." else self.folder / name
        return build(read_manifest(self.manifest), target, key, self.asked.sources(), self.work)

    def rewrite(self, old: str, new: str) -> None:
        text = self.manifest.read_text()
        assert old in text
        self.manifest.write_text(text.replace(old, new))


def make_site(folder: Path) -> Site:
    site = Site(folder)
    site.manifest.write_text(MANIFEST)
    (folder / "driver.run").write_bytes(driver_run("550.10"))
    (folder / "docker.tgz").write_bytes(docker_tgz())
    (folder / "toolkit.tar.gz").write_bytes(tar_gz(RPMS))
    site.model.mkdir()
    (site.model / "config.json").write_text('{"model_type": "qwen2"}')
    (site.model / "model.safetensors").write_bytes(WEIGHTS)
    (site.model / "tokenizer.json").write_text("{}")
    make_key_pair(folder / "release", b"")
    return site
