"""Lock and cache to the files of a bundle. No network, no clock: the same lock and cache give the same bytes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.cloning import clone, clone_or_link
from bundler.digesting import Digests, in_threads
from bundler.draft import Draft
from bundler.filesystems import check_file_sizes
from bundler.lock import Lock, LockedFile
from bundler.manifest import Manifest
from bundler.modes import FILE_MODE, PROGRAM_MODE
from bundler.needs import in_bundle
from bundler.progress import Advance, Meter
from bundler.rehashing import digest_again
from bundler.sources.runtime.glibc import target_of
from bundler.space import demand_room
from installer.errors import MalformedError
from installer.index.components import Docker, Driver, Image, Model, Packages, Toolkit
from installer.index.document import (
    INDEX_NAME,
    LAUNCHER_NAME,
    ROLES,
    File,
    Index,
    parse_index,
    render_index,
)
from installer.index.model_shape import ModelShape
from installer.index.sums import SUMS_NAME, render_sums

PLACEHOLDER = b"@RUNTIME_SHA256@"


@dataclass(frozen=True)
class Sealed:
    """The lists of an assembled bundle: what is signed, and what it lists."""

    index: Index
    sums: bytes

    @property
    def sums_digest(self) -> str:
        return hashlib.sha256(self.sums).hexdigest()


@dataclass(frozen=True)
class Origins:
    """Path in the bundle to where the file lies now: in the cache, which is ours, or in a folder of the person's."""

    cached: Mapping[str, Path]
    in_place: Mapping[str, Path]

    def __getitem__(self, path: str) -> Path:
        return self.cached.get(path) or self.in_place[path]

    def share(self, path: str, target: Path) -> bool:
        """Without a second copy, if there is such a way: what a person may edit in place is never linked."""
        if path in self.cached:
            return clone_or_link(self.cached[path], target, FILE_MODE)
        return clone(self.in_place[path], target, FILE_MODE)


def place_files(draft: Draft, files: Iterable[LockedFile], origins: Origins, cache: Cache, meter: Meter) -> list[File]:
    """Bring each of ``files`` into the bundle and hash it there or on the way. What is found, ``cache`` remembers.

    What is returned is what is there, which is not always what was locked: the caller compares.
    """
    wanted = {file.path: file for file in files}
    check_file_sizes(draft.folder, wanted.values())
    placed = {path for path in wanted if origins.share(path, draft.path(path))}
    copied = sum(file.size for path, file in wanted.items() if path not in placed)
    demand_room((in_bundle(draft.folder, copied),))

    def place(path: str, advance: Advance) -> Digests:
        expected = Stored(wanted[path].sha256, wanted[path].size)
        if path in placed:
            with draft.path(path).open("rb", buffering=0) as file:
                return digest_again(file, expected, cache, advance)
        with origins[path].open("rb", buffering=0) as file, draft.writing(path) as copy:
            return digest_again(file, expected, cache, advance, copy.write)

    with meter("bundle", sum(file.size for file in wanted.values())) as advance:
        found = in_threads(place, wanted, advance)
    return [_listed(wanted[path], digests) for path, digests in found.items()]


def place_launcher(draft: Draft, template: bytes, runtime_sha256: str) -> File:
    if template.count(PLACEHOLDER) != 1:
        raise MalformedError(f"the launcher does not hold {PLACEHOLDER.decode()} exactly once")
    launcher = template.replace(PLACEHOLDER, runtime_sha256.encode("ascii"))
    draft.write(LAUNCHER_NAME, launcher, PROGRAM_MODE)
    sha256 = hashlib.sha256(launcher).hexdigest()
    return File(LAUNCHER_NAME, "launcher", len(launcher), sha256, (sha256,), ROLES, "vllm-airgap", "build")


def seal(draft: Draft, manifest: Manifest, lock: Lock, shape: ModelShape | None, files: Iterable[File]) -> Sealed:
    """Write both lists, and read them as a node will. ``shape`` is that of the model which ``files`` has."""
    index = make_index(manifest, lock, shape, files)
    document = render_index(index)
    if parse_index(document) != index:
        raise AssertionError("the index does not survive its own format")
    digests = {file.path: file.sha256 for file in index.files}
    sums = render_sums({**digests, INDEX_NAME: hashlib.sha256(document).hexdigest()})
    draft.write(INDEX_NAME, document)
    draft.write(SUMS_NAME, sums)
    return Sealed(index, sums)


def outline(manifest: Manifest, lock: Lock) -> str:
    """SHA-256 of the index as far as a lock knows it. All else in a bundle follows from this and from this program."""
    files = (_listed(file, Digests(file.size, file.sha256, ())) for file in lock.files)
    return hashlib.sha256(render_index(make_index(manifest, lock, None, files))).hexdigest()


def make_index(manifest: Manifest, lock: Lock, shape: ModelShape | None, files: Iterable[File]) -> Index:
    image, model = lock.component(Image), lock.component(Model)
    if image is None or model is None or lock.backend is None:
        raise AssertionError("a lock that is not complete")
    return Index(
        name=manifest.name,
        version=manifest.version,
        sequence=manifest.sequence,
        target=target_of(manifest),
        cluster=replace(manifest.cluster, backend=lock.backend.name),
        serve=manifest.serve,
        packages=lock.component(Packages),
        driver=lock.component(Driver),
        docker=lock.component(Docker),
        toolkit=lock.component(Toolkit),
        image=image,
        model=replace(model, allow=manifest.model.allow, shape=shape),
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _listed(locked: LockedFile, found: Digests) -> File:
    return File(
        path=locked.path,
        kind=locked.kind,
        size=found.size,
        sha256=found.sha256,
        chunks=found.chunks,
        roles=ROLES,
        source=locked.source,
        known_by=locked.known_by,
    )
