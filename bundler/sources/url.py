"""One file from https, http or this machine's own disk, into the cache."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from bundler.cache import Cache, CacheWriter, Stored
from bundler.cloning import can_clone, clone_into
from bundler.http.origins import named
from bundler.http.suspicion import ENOUGH, digest_difference
from bundler.http.transfer import Wanted, transfer
from bundler.manifest import DownloadSpec
from bundler.needs import Coming, in_cache
from bundler.progress import Advance
from bundler.provenance import remember_url
from bundler.sources.publishers import Published
from bundler.sources.statements import stated_digest, way_out
from bundler.space import demand_room
from bundler.workplace import Workplace
from installer.errors import DamagedError, UsageError
from installer.index.names import name_problem

_BUFFER = 1 << 20  # bytes


@dataclass(frozen=True)
class Taken:
    """A file that lies in the cache, and where it came from."""

    name: str
    stored: Stored
    source: str
    known_by: str
    url: str = ""


def take(part: str, spec: DownloadSpec, published: Published, folder: Path, work: Workplace) -> Taken:
    """The file of ``part``, ``published`` where the manifest names no other.

    Its digest is the manifest's, or the one that its publisher states; at first use, the one it has.
    """
    url = spec.url or published.url
    if spec.url or spec.sha256:
        known_by = "manifest" if spec.sha256 else "first use"
        return _taken(part, url, take_url(part, url, folder, spec.sha256, work), known_by)
    statement = published.statement
    name = _file_name(part, url)
    if statement and (sha256 := stated_digest(part, statement, name, work.client, work.tell)):
        return _taken(part, url, _take_stated(part, published, sha256, work), "publisher")
    return _taken(part, url, take_url(part, url, folder, "", work), "first use")


def _take_stated(part: str, published: Published, sha256: str, work: Workplace) -> Stored:
    wanted = Wanted(part, (published.url,), sha256)
    try:
        return transfer(wanted, work.client, work.cache, work.meter)
    except DamagedError as error:
        hint = f"{error.hint}; {way_out(part)}" if error.hint else way_out(part)
        raise DamagedError(f"{error}; the second is what {named(published.statement)} states", hint=hint) from error


def _taken(part: str, url: str, stored: Stored, known_by: str) -> Taken:
    return Taken(_file_name(part, url), stored, source_words(url), known_by, url if is_remote(url) else "")


def take_url(what: str, url: str, folder: Path, sha256: str, work: Workplace) -> Stored:
    """Into the cache, if ``sha256`` is "" or its digest. ``folder`` is where a relative path starts."""
    if is_remote(url):
        return transfer(Wanted(what, (url,), sha256), work.client, work.cache, work.meter)
    return _take_local(what, _local_path(url, folder), sha256, work)


def to_be_copied(urls: Iterable[str], folder: Path, cache: Cache) -> tuple[Coming, ...]:
    """Of ``urls``, the files of this machine's own disk that cannot be cloned. One that is missing is told later."""
    local = {url: _local_path(url, folder) for url in urls if url and not is_remote(url)}
    there = {url: path.stat() for url, path in local.items() if path.is_file()}
    cache.folder.mkdir(parents=True, exist_ok=True)
    device, clones = cache.folder.stat().st_dev, can_clone(cache.folder)
    return tuple(Coming(url, found.st_size) for url, found in there.items() if not clones or found.st_dev != device)


def source_words(url: str) -> str:
    """Where a file came from, for people and for the index."""
    return named(url) if is_remote(url) else f"file {url}"


def is_remote(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


def _take_local(what: str, path: Path, sha256: str, work: Workplace) -> Stored:
    with work.cache.writer() as writer:
        _read(what, path, writer, work)
        found = writer.stored()
        if sha256 and found.sha256 != sha256:
            with path.open("rb") as file:
                words, hint = digest_difference(found.sha256, found.size, file.read(ENOUGH), sha256)
            raise DamagedError(f"{what}: {path} {words}", hint=hint)
        stored = writer.keep()
    remember_url(work.cache, stored.sha256, path.absolute().as_uri())
    return stored


def _read(what: str, path: Path, writer: CacheWriter, work: Workplace) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file, work.meter(what, size) as advance:
            if not clone_into(file.fileno(), writer.file.fileno()):
                demand_room((in_cache(work.cache, size, what),))
                _copy(file, writer, advance)
    except FileNotFoundError as error:
        raise UsageError(f"{what}: {path}: no such file", hint=f"see `{what}.url` in the manifest") from error


def _copy(file: BinaryIO, writer: CacheWriter, advance: Advance) -> None:
    while piece := file.read(_BUFFER):
        writer.write(piece)
        advance(len(piece))


def _local_path(url: str, folder: Path) -> Path:
    """A plain path starts at the manifest."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("file://") else folder / url


def last_part(url: str) -> str:
    """What follows the last stroke of a URL or path."""
    path = unquote(urlsplit(url).path) if "://" in url else url
    return path.rpartition("/")[2]


def _file_name(part: str, url: str) -> str:
    name = last_part(url)
    if problem := name_problem(name):
        raise UsageError(f"{part}: the last part of {source_words(url)} is no name for a file of a bundle: {problem}")
    return name
