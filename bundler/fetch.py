"""What the lock names and the cache lacks, from where the lock says, or from its source again."""

from collections.abc import Iterable

from bundler.lock import Lock, LockedFile
from bundler.manifest import Manifest
from bundler.sources.url import take_url
from bundler.workplace import Sources, Workplace
from installer.errors import DamagedError


def fetch(manifest: Manifest, lock: Lock, files: Iterable[LockedFile], sources: Sources, work: Workplace) -> None:
    """Put ``files`` into the cache; DamagedError if one is no longer what was locked."""
    for file in files:
        if file.sha256 in work.cache:
            continue
        if file.url:
            take_url(file.path, file.url, manifest.folder, file.sha256, work.cache, work.meter)
        else:
            _take_part_again(manifest, lock, file, sources, work)


def _take_part_again(manifest: Manifest, lock: Lock, file: LockedFile, sources: Sources, work: Workplace) -> None:
    name = next(name for name, part in lock.parts.items() if file in part.files)
    work.tell(f"{name}: {file.path} is not in the cache, taking {name} again")
    sources[name](manifest, work)
    if file.sha256 not in work.cache:
        raise DamagedError(
            f"{name}: {file.source} is no longer what was locked",
            hint=f"`bundle lock MANIFEST --update {name}` locks it as it is now",
        )
