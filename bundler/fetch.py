"""What the lock names and the cache lacks, from where the lock says, or from its source again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bundler.http.transfer import Wanted, transfer
from bundler.lock import Lock, LockedFile
from bundler.manifest import Manifest
from bundler.parallel import in_parallel
from bundler.progress import Meter
from bundler.sources.image.registry import pulling
from bundler.sources.image.registry.blobs import fetch_blob
from bundler.sources.parts import servers_for
from bundler.totals import with_total
from bundler.workplace import Sources, Workplace
from installer.errors import DamagedError

_DIGITS = 12


def fetch(manifest: Manifest, lock: Lock, files: Iterable[LockedFile], sources: Sources, work: Workplace) -> None:
    """Put ``files`` into the cache; DamagedError if one is no longer what was locked."""
    wanted = tuple(files)
    lacking: dict[str, LockedFile] = {}
    for file in wanted:
        if file.sha256 in work.cache:
            work.cache.touch(file.sha256)
        else:
            lacking[file.sha256] = file
    by_url = [file for file in lacking.values() if file.url]
    with with_total(
        (file for file in wanted if file.url or file.sha256 not in lacking), work.cache, work.meter
    ) as meter:
        _download(by_url, manifest, lock, work, meter)
    for file in lacking.values():
        # A part that was taken for another of its files has brought this one, too.
        if file.sha256 not in work.cache:
            _take_part_again(manifest, lock, file, sources, work)


def _download(files: Sequence[LockedFile], manifest: Manifest, lock: Lock, work: Workplace, meter: Meter) -> None:
    part_of = {file.path: name for name, part in lock.parts.items() for file in part.files}
    # One for all files of a part, which then share what a server gave for them.
    known = {part: servers_for(manifest, part, work.client) for part in {part_of[file.path] for file in files}}

    def download(file: LockedFile, meter: Meter) -> None:
        servers = known[part_of[file.path]]
        wanted = Wanted(_called(file), servers.urls(file), file.sha256, file.size, servers.credentials)
        if part_of[file.path] == "image":
            fetch_blob(wanted, work, meter)
        else:
            _fetch(wanted, part_of[file.path], manifest, work, meter)

    in_parallel(download, files, work.jobs, meter)


def _fetch(wanted: Wanted, part: str, manifest: Manifest, work: Workplace, meter: Meter) -> None:
    try:
        transfer(wanted, work.client, work.cache, meter)
    except DamagedError as error:
        update = f"if it was renewed there, `bundle lock {manifest.path} --update {part}` locks it as it is now"
        raise DamagedError(str(error), hint=f"{error.hint}; {update}" if error.hint else update) from error


def _called(file: LockedFile) -> str:
    """A blob's name is its digest, of which its URL has all."""
    return file.path.replace(file.sha256, file.sha256[:_DIGITS])


def _take_part_again(manifest: Manifest, lock: Lock, file: LockedFile, sources: Sources, work: Workplace) -> None:
    name = next(name for name, part in lock.parts.items() if file in part.files)
    work.tell(f"{name}: {file.path} is not in the cache, taking {name} again")
    if pinned := lock.parts[name].pinned:
        pulling.take_locked(pinned, manifest.image.mirrors, work)
        # What the build adds to it is made again from that very image: its tag may mean another one by now.
        manifest = replace(manifest, image=replace(manifest.image, ref=pinned))
    if file.sha256 not in work.cache:
        sources[name](manifest, work).take()
    if file.sha256 not in work.cache:
        raise DamagedError(
            f"{name}: {file.source} is no longer what was locked",
            hint=f"`bundle lock {manifest.path} --update {name}` locks it as it is now",
        )
