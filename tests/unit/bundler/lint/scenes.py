"""The manifests of this repository with a lock and a model that fit them, and copies with one value changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundler.cache import Cache
from bundler.findings import Finding
from bundler.lint import Case, before_build, findings
from bundler.lock import Component, Lock, LockedFile, Part, Release
from bundler.manifest import Manifest, parse_manifest
from bundler.resolve import wanted_parts
from installer.index.components import Docker, Driver, ExtraPackage, Image, Model, Package, Packages, Toolkit
from tests.fakes.package_files import Made, rpm_package

ROOT = Path(__file__).parents[4]
MANIFESTS = sorted((ROOT / "manifests").glob("*.yaml"))
# Of the models' own config.json, as far as rules ask.
QWEN_32B: Mapping[str, object] = {
    "model_type": "qwen2",
    "num_hidden_layers": 64,
    "hidden_size": 5120,
    "intermediate_size": 27648,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "vocab_size": 152064,
    "torch_dtype": "bfloat16",
}
GPTQ: Mapping[str, object] = {"quant_method": "gptq", "bits": 4, "group_size": 128}
QWEN_32B_GPTQ = {**QWEN_32B, "torch_dtype": "float16", "quantization_config": GPTQ}
QWEN_14B = {**QWEN_32B, "num_hidden_layers": 48, "intermediate_size": 13824}
BRANDS = ("tesla", "unknown", "nvidia", "quadro")


def requirement(cuda: str, branches: tuple[int, ...]) -> dict[str, str]:
    """As NVIDIA's base images have it."""
    clauses = [f"brand={brand},driver>={b},driver<{b + 1}" for b in branches for brand in BRANDS]
    return {"NVIDIA_REQUIRE_CUDA": " ".join((f"cuda>={cuda}", *clauses))}


@dataclass(frozen=True)
class Known:
    """What a lock would hold for one of the manifests."""

    versions: Mapping[str, str]
    requires: Mapping[str, str]
    config: Mapping[str, object]


KNOWN = {
    "qwen2.5-32b-t4": Known(
        {"vllm": "0.6.4.post1", "ray": "2.39.0", "torch": "2.5.1", "python": "3.12", "cuda": "12.4.1"},
        requirement("12.4", (470, 525, 535)),
        QWEN_32B_GPTQ,
    ),
    "qwen2.5-32b-l20": Known(
        {"vllm": "0.8.5.post1", "ray": "2.46.0", "torch": "2.6.0", "python": "3.12", "cuda": "12.4.1"},
        requirement("12.4", (470, 525, 535)),
        QWEN_32B_GPTQ,
    ),
    "qwen2.5-14b-a10": Known(
        {"vllm": "0.10.2", "ray": "2.49.0", "torch": "2.8.0", "python": "3.12", "cuda": "12.8.1"},
        requirement("12.8", (470, 535, 550, 560, 565)),
        QWEN_14B,
    ),
    "qwen2.5-32b-l40s": Known(
        {"vllm": "0.33.0", "torch": "2.14.0", "python": "3.12", "cuda": "13.0.2"},
        requirement("13.0", (535, 550, 565, 570, 575)),
        QWEN_32B,
    ),
}


@dataclass(frozen=True)
class Change:
    """One value that is another. ``text`` replaces in the manifest; in the mappings, None removes."""

    text: tuple[str, str] = ("", "")
    versions: Mapping[str, str | None] = field(default_factory=dict)
    requires: Mapping[str, str | None] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    model: Mapping[str, bytes | None] = field(default_factory=dict)
    architecture: str = "amd64"
    signed: int = 0
    stale: str = ""
    packages: tuple[Made, ...] = ()
    toolkit: tuple[Made, ...] = ()
    kernels: tuple[str, ...] = ()
    mirror: str = ""  # that answered for the model's hub when it was locked


def look(folder: Path, name: str, change: Change) -> Case:
    """The manifest ``name`` as locked, with ``change``."""
    manifest = changed_manifest(folder, name, change)
    cache = Cache(folder / "cache")
    return before_build(manifest, _lock(manifest, KNOWN[name], change, cache), cache)


def look_unlocked(folder: Path, name: str, change: Change) -> Case:
    return before_build(changed_manifest(folder, name, change), None, Cache(folder / "cache"))


def changed_manifest(folder: Path, name: str, change: Change) -> Manifest:
    text = (ROOT / f"manifests/{name}.yaml").read_text("utf-8")
    old, new = change.text
    assert old in text
    text = text.replace(old, new, 1)
    if change.packages:
        urls = ", ".join(f"{{url: 'https://mirror/{package.name}.rpm'}}" for package in change.packages)
        text += f"packages: [{urls}]\n"
    return parse_manifest(text.encode(), folder / f"{name}.yaml")


def named(case: Case) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in findings(case)]


def only(case: Case, rule: str) -> list[Finding]:
    return [finding for finding in findings(case) if finding.rule == rule]


def _lock(manifest: Manifest, known: Known, change: Change, cache: Cache) -> Lock:
    document = {"os": "linux", "architecture": change.architecture}
    config = _stored(cache, "image/blobs/sha256/config", "image", json.dumps(document).encode())
    image = Image(
        manifest.image.ref,
        f"sha256:{config.sha256}",
        f"sha256:{'2' * 64}",
        (f"sha256:{'3' * 64}",),
        _merged(known.versions, change.versions),
        _merged(known.requires, change.requires),
    )
    files = {**_model(known, change), **change.model}
    stored = [
        _stored(cache, f"model/{manifest.model.name}/{name}", "model", data) for name, data in files.items() if data
    ]
    if change.mirror:
        stored = [replace(file, known_by="mirror", url=f"https://{change.mirror}/{file.path}") for file in stored]
    packages = [_stored(cache, f"packages/{made.name}.rpm", "package", rpm_package(made)) for made in change.packages]
    toolkit = [_stored(cache, f"toolkit/{made.name}.rpm", "toolkit", rpm_package(made)) for made in change.toolkit]
    listed = (ExtraPackage(file.path, "made", "1.0-1", "", change.kernels) for file in packages)
    parts: dict[str, tuple[Component | None, tuple[LockedFile, ...]]] = {
        "packages": (Packages(tuple(listed)), tuple(packages)),
        "driver": (Driver("1"), ()),
        "docker": (Docker("1", ()), ()),
        "toolkit": (Toolkit("1", tuple(Package(file.path, "made", "1.0-1") for file in toolkit)), tuple(toolkit)),
        "image": (image, (replace(config, path=f"image/blobs/sha256/{config.sha256}"),)),
        "model": (Model(manifest.model.name), tuple(stored)),
    }
    wanted = {name: "0" * 64 if name == change.stale else of for name, of in wanted_parts(manifest).items()}
    found = {name: Part(of, *parts.get(name, (None, ()))) for name, of in wanted.items()}
    return Lock(found, None, Release(change.signed, "a" * 64) if change.signed else None)


def _model(known: Known, change: Change) -> dict[str, bytes]:
    return {
        "config.json": json.dumps({**known.config, **change.config}).encode(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "model.safetensors": (8).to_bytes(8, "little") + b"{}      ",
    }


def _merged(known: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**known, **change}.items() if value is not None}


def _stored(cache: Cache, path: str, kind: str, data: bytes) -> LockedFile:
    with cache.writer() as writer:
        writer.write(data)
        stored = writer.keep()
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    return LockedFile(path, kind, stored.size, stored.sha256, "test", "first use")
