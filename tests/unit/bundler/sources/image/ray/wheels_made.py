"""Small wheels of our own, and an image that lacks them."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.lock import LockedImage
from bundler.sources.image.layout import Layer, Origin, Parts, lay_out

PACKAGES = "usr/local/lib/python3.12/dist-packages"
ENTRY_POINTS = "[console_scripts]\nray = ray.scripts.scripts:main\nserve = ray.serve.scripts:cli\n"
PROGRAM = "ray/core/raylet"


def make_wheel(folder: Path, name: str, files: Mapping[str, bytes], programs: tuple[str, ...] = ()) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            info = zipfile.ZipInfo(member, (2026, 11, 21, 12, 0, 0))
            info.external_attr = (0o100755 if member in programs else 0o100600) << 16
            archive.writestr(info, content)
    return path


def ray_wheel(folder: Path) -> Path:
    files = {
        "ray/__init__.py": b"version = 1\n",
        "ray/scripts/scripts.py": b"def main(): ...\n",
        PROGRAM: b"\x7fELF",
        "ray-1.0.dist-info/METADATA": b"Name: ray\n",
        "ray-1.0.dist-info/entry_points.txt": ENTRY_POINTS.encode(),
    }
    return make_wheel(folder, "ray", files, (PROGRAM,))


def image_of(cache: Cache, names: tuple[str, ...], versions: Mapping[str, str]) -> LockedImage:
    """One layer with empty files of these ``names``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    diff_id = f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["CUDA_VERSION=13.0.2"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "base"}],
    }
    layer = Layer(diff_id, stored(cache, gzip.compress(packed.getvalue(), mtime=0)))
    parts = Parts(json.dumps(config).encode(), (layer,), dict(versions))
    return lay_out(parts, Origin("vllm:new", "registry image vllm:new", "first use"), cache)


def stored(cache: Cache, data: bytes) -> Stored:
    with cache.writer() as writer:
        writer.write(data)
        return writer.keep()
