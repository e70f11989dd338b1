"""Manifest to lock: what is not locked yet, or not as the manifest has it now, is asked of its source."""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from typing import Any

from bundler.lock import Backend, Lock, Part
from bundler.manifest import DownloadSpec, ImageSpec, Manifest, ModelSpec, RuntimeSpec
from bundler.workplace import Sources, Workplace
from installer.errors import RefusedError, UsageError
from installer.index.components import Image

# Made by the build itself from programs that change without the manifest, in seconds: so made every time.
_ALWAYS = ("runtime",)


def resolve(
    manifest: Manifest, old: Lock, update: Collection[str], sources: Sources, work: Workplace
) -> Iterator[Lock]:
    """Locks, each one part further, so that a run that fails half-way has kept what it found."""
    wanted = wanted_parts(manifest)
    if unknown := sorted(set(update) - set(wanted)):
        raise UsageError(f"--update {unknown[0]}: the manifest has {', '.join(wanted)}")
    lock = replace(old, parts={name: part for name, part in old.parts.items() if name in wanted})
    for name, source in sources.items():
        if name not in wanted or (name not in {*stale_parts(manifest, lock), *_ALWAYS, *update}):
            continue
        found = source(manifest, work)
        files = tuple(sorted(found.files, key=lambda file: file.path))
        lock = lock.with_part(name, Part(wanted[name], found.component, files))
        yield lock
    yield replace(lock, backend=choose_backend(manifest, lock))


def wanted_parts(manifest: Manifest) -> dict[str, str]:
    """Part to the digest of all that the manifest says of it and that its source depends on."""
    said: dict[str, RuntimeSpec | DownloadSpec | ImageSpec | ModelSpec | None] = {
        "runtime": manifest.runtime,
        "driver": manifest.driver,
        "docker": manifest.docker,
        "toolkit": manifest.toolkit,
        "image": manifest.image,
        "model": replace(manifest.model, allow=()),
    }
    return {name: _digest(asdict(spec), asdict(manifest.target)) for name, spec in said.items() if spec is not None}


def stale_parts(manifest: Manifest, lock: Lock) -> tuple[str, ...]:
    """The parts that ``lock`` lacks, or holds for another manifest."""
    wanted = wanted_parts(manifest)
    return tuple(name for name, of in wanted.items() if name not in lock.parts or lock.parts[name].of != of)


def choose_backend(manifest: Manifest, lock: Lock) -> Backend:
    image = lock.component(Image)
    has_ray = image is not None and "ray" in image.versions
    wanted = manifest.cluster.backend
    if wanted == "ray" and not has_ray:
        raise RefusedError(
            f"cluster.backend: ray was asked for, but {manifest.image.ref} holds no Ray",
            hint="set `backend: mp`, or name an image that holds Ray",
        )
    if wanted != "auto":
        return Backend(wanted, "the manifest says so")
    return Backend("ray", "the image holds Ray") if has_ray else Backend("mp", "the image holds no Ray")


def _digest(*said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
