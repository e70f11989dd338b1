"""From a manifest to a signed bundle, as it reads."""

import importlib.resources
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bundler.assemble import Sealed, outline, place_launcher, seal
from bundler.busy import alone
from bundler.cache import Cache
from bundler.draft import Draft, drafting, publish, refuse_taken
from bundler.foresight import look_ahead
from bundler.gather import Gatherer
from bundler.lint import before_build, before_seal, refuse_errors
from bundler.lock import Lock, Release, lock_path, read_lock, write_lock
from bundler.manifest import Manifest
from bundler.resolve import Look, resolve, unseen
from bundler.signing import SigningKey, write_signature
from bundler.totals import Overall
from bundler.workplace import Sources, Workplace
from installer.index.document import RUNTIME_NAME, File


@dataclass(frozen=True)
class Built:
    """A finished bundle, for the last lines that a person reads."""

    folder: Path
    sealed: Sealed
    fingerprint: str  # "" if it is not signed yet
    warning: str  # "" if there is none
    cached: int  # bytes of it that the cache had before
    local: int  # bytes of it that were of this machine: a model's folder, say, and what the build makes
    received: int  # bytes that came over the network, also those of what is not in the bundle itself

    @property
    def size(self) -> int:
        return sum(file.size for file in self.sealed.index.files)

    @property
    def launcher_sha256(self) -> str:
        return self.sealed.index.only("launcher").sha256


def build(manifest: Manifest, target: Path, key: SigningKey | None, sources: Sources, work: Workplace) -> Built:
    """The bundle of ``manifest`` in the new folder ``target``."""
    target = Path(os.path.normpath(target.absolute()))
    refuse_taken(target)
    with alone(lock_path(manifest.path)), work.cache.in_use(), Overall(work.meter) as total:
        look = partial(look_ahead, target, manifest, work.cache, total)
        return _build(manifest, target, key, sources, replace(work, meter=total), look)


def _build(
    manifest: Manifest, target: Path, key: SigningKey | None, sources: Sources, work: Workplace, look: Look
) -> Built:
    path = lock_path(manifest.path)
    before = read_lock(path) or Lock()
    if before.signed:
        before.signed.refuse_lower(manifest.sequence)
    lock = _lock(manifest, (), sources, work, look)
    foreseen = outline(manifest, lock)
    if before.signed:
        before.signed.refuse_other_outline(manifest.sequence, foreseen)
    with drafting(target) as draft:
        sealed = fill(draft, manifest, lock, sources, work)
        release = Release(manifest.sequence, sealed.sums_digest, foreseen)
        if before.signed:
            before.signed.refuse_other(release)
        # Recorded first: no bundle may get away that the next build does not know of.
        write_lock(path, lock.with_signed(release) if key else lock.with_unsigned(release))
        if key:
            write_signature(draft.folder, sealed.sums, key)
        publish(draft, target)
    doubt = before.unsigned.doubt(release) if before.unsigned else ""
    return Built(
        folder=target,
        sealed=sealed,
        fingerprint=key.public.fingerprint if key else "",
        cached=sum(file.size for file in sealed.index.files if _was_cached(file, work.cache)),
        warning=doubt,
        local=_of_this_machine(sealed.index.files, lock, work.cache),
        received=work.client.received,
    )


def _of_this_machine(files: Iterable[File], lock: Lock, cache: Cache) -> int:
    fetched = {file.path for file in lock.files if file.url}
    return sum(file.size for file in files if file.path not in fetched and not _was_cached(file, cache))


def _was_cached(file: File, cache: Cache) -> bool:
    return file.sha256 in cache and file.sha256 not in cache.added


def lock_manifest(manifest: Manifest, update: Collection[str], sources: Sources, work: Workplace) -> Lock:
    """Resolve what is not locked yet; every part found is written at once."""
    with alone(lock_path(manifest.path)), work.cache.in_use():
        # A lock alone is a few kilobytes; for what its sources take into the cache they demand room themselves.
        return _lock(manifest, update, sources, work, unseen)


def _lock(manifest: Manifest, update: Collection[str], sources: Sources, work: Workplace, look: Look) -> Lock:
    path = lock_path(manifest.path)
    lock = read_lock(path) or Lock()
    kept = replace(lock, parts={name: part for name, part in lock.parts.items() if name not in update})
    refuse_errors(before_build(manifest, kept, work.cache))
    for lock in resolve(manifest, lock, update, sources, work, look):  # noqa: B020 # each is the last, one part further
        write_lock(path, lock)
    refuse_errors(before_build(manifest, lock, work.cache))
    return lock


def fill(draft: Draft, manifest: Manifest, lock: Lock, sources: Sources, work: Workplace) -> Sealed:
    files = Gatherer(manifest, lock, sources, work).gather(draft)
    case = before_seal(manifest, lock, draft.folder)
    refuse_errors(case)
    (runtime,) = (file for file in files if file.path == RUNTIME_NAME)
    template = importlib.resources.files("installer").joinpath("launcher.sh").read_bytes()
    launcher = place_launcher(draft, template, runtime.sha256)
    return seal(draft, manifest, lock, case.config, (launcher, *files))
