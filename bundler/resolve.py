"""Manifest to lock: what is not locked yet, or not as the manifest has it now, is asked of its source."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

from bundler.backend import choose_backend
from bundler.lock import Backend, Lock, Part
from bundler.manifest import DownloadSpec, ImageSpec, Manifest, ModelSpec, RuntimeSpec
from bundler.workplace import Announced, Sources, Workplace
from installer.errors import UsageError
from installer.index.components import Image

# Made by the build itself from programs that change without the manifest, in seconds: so made every time.
_ALWAYS = ("runtime",)


Look = Callable[[Lock, Mapping[str, Announced]], None]


def unseen(_known: Lock, _announced: Mapping[str, Announced]) -> None:
    """The Look of who has no use for it."""


def resolve(
    manifest: Manifest,
    old: Lock,
    update: Collection[str],
    sources: Sources,
    work: Workplace,
    look: Look = unseen,
) -> Iterator[Lock]:
    """Locks, each one part further, so that a run that fails half-way has kept what it found.

    ``look`` is shown what is known when all has been announced and nothing taken, and after every part.
    """
    wanted = wanted_parts(manifest)
    if unknown := sorted(set(update) - set(wanted)):
        raise UsageError(
            f"--update {unknown[0]}: the manifest has {', '.join(wanted)}",
            hint=f"bundle lock {manifest.path} --update {_likest(unknown[0], wanted)}, or --update alone for all",
        )
    lock = replace(old, parts={name: part for name, part in old.parts.items() if name in wanted})
    anew = {*stale_parts(manifest, lock), *_ALWAYS, *update}
    announced = {name: source(manifest, work) for name, source in sources.items() if name in wanted and name in anew}
    look(_without(lock, announced), announced)
    while announced:
        name = next(iter(announced))
        found = announced.pop(name).take()
        files = tuple(sorted(found.files, key=lambda file: file.path))
        lock = lock.with_part(name, Part(wanted[name], found.component, files, found.pinned))
        yield lock
        look(_without(lock, announced), announced)
    yield replace(lock, backend=_backend(manifest, lock))


def _likest(name: str, wanted: Collection[str]) -> str:
    return next(iter(get_close_matches(name, wanted, 1)), "NAME")


def _without(lock: Lock, names: Collection[str]) -> Lock:
    return replace(lock, parts={name: part for name, part in lock.parts.items() if name not in names})


def wanted_parts(manifest: Manifest) -> dict[str, str]:
    """Part to the digest of all that the manifest says of it and that its source depends on."""
    said: dict[str, RuntimeSpec | DownloadSpec | ImageSpec | ModelSpec | None] = {
        "runtime": manifest.runtime,
        "driver": manifest.driver,
        "docker": manifest.docker,
        "toolkit": manifest.toolkit,
        "image": replace(manifest.image, mirrors=()),
        "model": replace(manifest.model, allow=()),
    }
    also = {"image": ({"may_need_ray": True},)} if _may_need_ray(manifest) else {}
    target = asdict(manifest.target)
    parts = {name: asdict(spec) for name, spec in said.items() if spec is not None}
    if manifest.packages:
        parts["packages"] = {"packages": [asdict(spec) for spec in manifest.packages]}
    if manifest.files:
        parts["files"] = {"files": [asdict(spec) for spec in manifest.files]}
    return {name: _digest(spec, target, *also.get(name, ())) for name, spec in parts.items()}


def stale_parts(manifest: Manifest, lock: Lock) -> tuple[str, ...]:
    """The parts that ``lock`` lacks, or holds for another manifest."""
    wanted = wanted_parts(manifest)
    return tuple(name for name, of in wanted.items() if name not in lock.parts or lock.parts[name].of != of)


@dataclass(frozen=True)
class Whole:
    """A lock that has all of its manifest, and how its nodes work together."""

    lock: Lock
    backend: Backend


def demand_whole(manifest: Manifest, lock: Lock | None) -> Whole:
    """Raise UsageError unless ``lock`` has every part, and of this very manifest."""
    way = f"bundle lock {manifest.path}"
    if lock is None:
        raise UsageError("there is no lock yet", hint=way)
    stale = stale_parts(manifest, lock)
    if lacking := [name for name in stale if name not in lock.parts]:
        raise UsageError(f"the lock is not whole yet: it lacks {', '.join(lacking)}", hint=way)
    if stale:
        raise UsageError(f"the lock is not of this manifest: {', '.join(stale)} changed since", hint=way)
    if lock.backend is None:
        raise UsageError("the lock is not whole yet: it lacks the backend", hint=way)
    return Whole(lock, lock.backend)


def _backend(manifest: Manifest, lock: Lock) -> Backend:
    image = lock.component(Image)
    if image is None:
        raise AssertionError("no source for the image")
    return choose_backend(manifest.cluster.backend, manifest.cluster.nodes, image.versions)


def _may_need_ray(manifest: Manifest) -> bool:
    """Whether Ray is added to an image without it depends on this, and so does what is locked."""
    cluster = manifest.cluster
    return cluster.backend == "ray" or (cluster.backend == "auto" and cluster.nodes > 1)


def _digest(*said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
