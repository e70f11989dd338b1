"""Every locked file into the draft. What the cache holds is hashed again, and damage in it is fetched again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.assemble import Origins, place_files
from bundler.draft import Draft
from bundler.fetch import fetch
from bundler.lock import Lock, LockedFile
from bundler.manifest import Manifest
from bundler.needs import needs_of_bundle, needs_of_fetching
from bundler.sources.model import directory
from bundler.space import demand_room
from bundler.workplace import Sources, Workplace
from installer.errors import DamagedError
from installer.index.document import File
from installer.index.names import check_names


@dataclass(frozen=True)
class Gatherer:
    """One build's way from lock to files."""

    manifest: Manifest
    lock: Lock
    sources: Sources
    work: Workplace

    def gather(self, draft: Draft) -> tuple[File, ...]:
        in_place = self._in_place()
        wanted = {file.path: file for file in self.lock.files}
        check_names(wanted)
        self._demand_room(draft, in_place)
        found = self._place(draft, tuple(wanted.values()), in_place)
        if damaged := _differing(wanted, found):
            for file in damaged:
                self._discard(draft, file, in_place)
            found |= self._place(draft, damaged, in_place)
        if left := _differing(wanted, found):
            raise DamagedError(f"{left[0].path}: differs from the lock, also after it was fetched again")
        return tuple(found.values())

    def _in_place(self) -> Mapping[str, Path]:
        """Files that are taken from where they lie instead of from the cache."""
        if self.manifest.model.source != "directory":
            return {}
        model = self.lock.parts["model"]
        return directory.locate(self.manifest, model.files)

    def _demand_room(self, draft: Draft, in_place: Mapping[str, Path]) -> None:
        """Before the first byte, not after the first hour."""
        files, cache = self.lock.files, self.work.cache
        fetched = [file for file in files if file.path not in in_place]
        demand_room((*needs_of_fetching(fetched, cache), *needs_of_bundle(draft.folder, files, in_place, cache)))

    def _place(self, draft: Draft, files: Sequence[LockedFile], in_place: Mapping[str, Path]) -> dict[str, File]:
        cached = [file for file in files if file.path not in in_place]
        fetch(self.manifest, self.lock, cached, self.sources, self.work)
        origins = Origins({file.path: self.work.cache.path(file.sha256) for file in cached}, in_place)
        return {file.path: file for file in place_files(draft, files, origins, self.work.cache, self.work.meter)}

    def _discard(self, draft: Draft, file: LockedFile, in_place: Mapping[str, Path]) -> None:
        if file.path in in_place:
            hint = directory.as_it_is_now(self.manifest)
            raise DamagedError(f"{file.path}: changed since it was locked", hint=hint)
        self.work.tell(f"{file.path}: damaged in the cache, fetching it again")
        self.work.cache.drop(file.sha256)
        (draft.folder / file.path).unlink()


def _differing(wanted: Mapping[str, LockedFile], found: Mapping[str, File]) -> list[LockedFile]:
    return [file for path, file in wanted.items() if (found[path].size, found[path].sha256) != (file.size, file.sha256)]
