"""Small signed bundles, made by the format's own code from what the fake machine's programs can read."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from installer.index.components import Binary, Docker, Driver, ExtraPackage, Image, Model, Package, Packages, Toolkit
from installer.index.document import CHUNK, KINDS, ROLES, File, Index, Target, render_index
from installer.index.settings import ClusterSettings, ServeSettings
from installer.index.sums import render_sums
from installer.trust.keys import PublicKey
from installer.trust.opened import Bundle, open_bundle
from installer.trust.signatures import Anchors
from tests.fakes.docker import digest_of
from tests.fakes.dpkg import deb_file
from tests.fakes.nvidia import driver_run
from tests.fakes.rpm import rpm_file

KEY = ec.derive_private_key(20261121, ec.SECP256R1())
DOCKER_PROGRAMS = ("containerd", "docker", "dockerd", "runc")
TOOLKIT = "nvidia-container-toolkit"
BASE = "nvidia-container-toolkit-base"
EXTRA_NEEDS = {"gcc": ("cpp",), "kernel-devel": ("perl",)}  # what a package of that name needs
_Part = TypeVar("_Part")


def public_key(key: ec.EllipticCurvePrivateKey = KEY) -> PublicKey:
    return PublicKey(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@dataclass(frozen=True)
class Recipe:
    """What goes into a bundle. ``leave_out`` names components that the node must have itself."""

    name: str = "demo"
    sequence: int = 1
    backend: str = "ray"
    nodes: int = 2
    ray_version: str = "2.60.0"
    driver: str = "550.127.08"
    docker: str = "27.4.0"
    toolkit: str = "1.17.8-1.x86_64"
    image: str = "v1"
    program: str = "program 1"
    packages: tuple[ExtraPackage, ...] = ()
    package_format: str = "rpm"
    files: Mapping[str, bytes] = field(default_factory=dict)
    model: Mapping[str, bytes] = field(
        default_factory=lambda: {
            "config.json": b'{"model_type": "qwen2"}',
            "empty.txt": b"",
            "model-00001-of-00002.safetensors": b"weights" * 100,
            "model-00002-of-00002.safetensors": b"more weights" * 100,
            "tokens/tokenizer.json": b"{}",
        }
    )
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeBundle:
    folder: Path
    index: Index
    sums: bytes

    @property
    def sums_digest(self) -> str:
        return hashlib.sha256(self.sums).hexdigest()

    @contextmanager
    def opened(self, anchors: Anchors | None = None) -> Iterator[Bundle]:
        with open_bundle(self.folder, anchors or Anchors(keys=(public_key(),))) as bundle:
            yield bundle


def make_bundle(folder: Path, recipe: Recipe) -> MadeBundle:
    contents = {path: data for path, data in _contents(recipe).items() if _kind(path) not in recipe.leave_out}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    index = _index(recipe, contents)
    return seal(folder, index)


def seal(folder: Path, index: Index) -> MadeBundle:
    """Write the lists of ``index`` and sign them."""
    text = render_index(index)
    digests = {file.path: file.sha256 for file in index.files}
    sums = render_sums({**digests, "bundle.json": hashlib.sha256(text).hexdigest()})
    key = public_key()
    (folder / "signatures").mkdir(exist_ok=True)
    (folder / "bundle.json").write_bytes(text)
    (folder / "SHA256SUMS").write_bytes(sums)
    (folder / f"signatures/{key.key_id}.sig").write_bytes(KEY.sign(sums, ec.ECDSA(hashes.SHA256())))
    (folder / f"signatures/{key.key_id}.pub").write_bytes(key.pem)
    return MadeBundle(folder, index, sums)


def describe(path: str, data: bytes, kind: str) -> File:
    chunks = tuple(hashlib.sha256(data[n : n + CHUNK]).hexdigest() for n in range(0, len(data), CHUNK))
    return File(path, kind, len(data), hashlib.sha256(data).hexdigest(), chunks, ROLES, "a test", "build")


def tar_gz(members: Mapping[str, bytes], *, mode: int = 0o755) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), 1, mtime=0)


def _contents(recipe: Recipe) -> dict[str, bytes]:
    return {
        "install": b"#!/bin/sh\n",
        "runtime.tar.gz": tar_gz({"python/bin/python3": b"#!python 3.12\n", "program": recipe.program.encode()}),
        f"driver/NVIDIA-Linux-x86_64-{recipe.driver}.run": driver_run(recipe.driver),
        f"docker/docker-{recipe.docker}.tgz": _docker_tgz(recipe),
        **_packages(recipe),
        **{package.path: _extra_file(package, recipe.package_format) for package in recipe.packages},
        **{f"image/{name}": data for name, data in _image_files(recipe).items()},
        **{f"model/tiny/{name}": data for name, data in recipe.model.items()},
        **{f"files/{name}": data for name, data in recipe.files.items()},
    }


def _kind(path: str) -> str:
    first = path.split("/", maxsplit=1)[0]
    others = {"install": "launcher", "runtime.tar.gz": "runtime", "packages": "package", "files": "file"}
    return first if first in KINDS else others[first]


def _index(recipe: Recipe, contents: Mapping[str, bytes]) -> Index:
    def unless_left_out(kind: str, part: _Part) -> _Part | None:
        return None if kind in recipe.leave_out else part

    return Index(
        name=recipe.name,
        version="2026.11",
        sequence=recipe.sequence,
        target=Target("x86_64", "2.17", recipe.package_format),
        cluster=ClusterSettings(recipe.nodes, 1, recipe.backend, 6379, {"NCCL_IB_DISABLE": "1"}, "10.24g"),
        serve=ServeSettings("tiny", recipe.nodes, 1, 4096, "0.90", 8000, (), ()),
        packages=Packages(recipe.packages) if recipe.packages else None,
        driver=unless_left_out("driver", Driver(recipe.driver)),
        docker=unless_left_out("docker", Docker(recipe.docker, _binaries(recipe))),
        toolkit=unless_left_out("toolkit", _toolkit(recipe)),
        image=_image(recipe),
        model=Model("tiny"),
        files=tuple(describe(path, contents[path], _kind(path)) for path in sorted(contents)),
    )


def docker_programs(recipe: Recipe) -> dict[str, bytes]:
    return {name: f"{name} {recipe.docker}".encode() for name in DOCKER_PROGRAMS}


def _docker_tgz(recipe: Recipe) -> bytes:
    return tar_gz({f"docker/{name}": data for name, data in docker_programs(recipe).items()})


def _binaries(recipe: Recipe) -> tuple[Binary, ...]:
    programs = docker_programs(recipe).items()
    return tuple(Binary(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in programs)


def _packages(recipe: Recipe) -> dict[str, bytes]:
    programs = ("nvidia-container-runtime-hook", "nvidia-container-runtime")
    if recipe.package_format == "deb":
        return {
            f"toolkit/{BASE}.rpm": deb_file(BASE, recipe.toolkit),
            f"toolkit/{TOOLKIT}.rpm": deb_file(TOOLKIT, recipe.toolkit, requires=(BASE,)),
        }
    return {
        f"toolkit/{BASE}.rpm": rpm_file(BASE, recipe.toolkit, programs=("nvidia-ctk",)),
        f"toolkit/{TOOLKIT}.rpm": rpm_file(TOOLKIT, recipe.toolkit, requires=(BASE,), programs=programs),
    }


def _extra_file(package: ExtraPackage, package_format: str) -> bytes:
    make = rpm_file if package_format == "rpm" else deb_file
    return make(package.name, package.version, requires=EXTRA_NEEDS.get(package.name, ()))


def _toolkit(recipe: Recipe) -> Toolkit:
    names = (BASE, TOOLKIT)
    return Toolkit("1.17.8", tuple(Package(f"toolkit/{name}.rpm", name, recipe.toolkit) for name in names))


def _layers(recipe: Recipe) -> tuple[bytes, ...]:
    return (b"base layer" * 50, f"vllm {recipe.image}".encode() * 50)


def _config(recipe: Recipe) -> bytes:
    return json.dumps({"rootfs": {"type": "layers", "diff_ids": list(map(digest_of, _layers(recipe)))}}).encode()


def _manifest(recipe: Recipe) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": {"digest": digest_of(_config(recipe))}}).encode()


def _image(recipe: Recipe) -> Image:
    versions = {"vllm": "0.17.1", "ray": recipe.ray_version}
    diff_ids = tuple(map(digest_of, _layers(recipe)))
    return Image(f"vllm:{recipe.image}", digest_of(_config(recipe)), digest_of(_manifest(recipe)), diff_ids, versions)


def _image_files(recipe: Recipe) -> dict[str, bytes]:
    layers = [gzip.compress(layer, 1, mtime=0) for layer in _layers(recipe)]
    config, manifest = _config(recipe), _manifest(recipe)
    description = [{"Config": _blob(config), "Layers": [_blob(layer) for layer in layers]}]
    return {
        **{_blob(data): data for data in (*layers, config, manifest)},
        "index.json": json.dumps({"manifests": [{"digest": digest_of(manifest)}]}).encode(),
        "manifest.json": json.dumps(description).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
    }


def _blob(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
