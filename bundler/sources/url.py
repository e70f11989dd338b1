"""One file from https, http or this machine's own disk, into the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from bundler.cache import CacheWriter, Stored
from bundler.cloning import clone_into
from bundler.http.origins import named
from bundler.http.suspicion import ENOUGH, digest_difference
from bundler.http.transfer import Wanted, transfer
from bundler.manifest import DownloadSpec
from bundler.progress import Advance, Meter
from bundler.sources.publishers import publisher_url
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


def take(part: str, spec: DownloadSpec, folder: Path, work: Workplace) -> Taken:
    """The file of ``part``; its digest is the manifest's or, at first use, the one it has."""
    url = spec.url or publisher_url(part, spec.version)
    remote = is_remote(url)
    return Taken(
        name=_file_name(part, url),
        stored=take_url(part, url, folder, spec.sha256, work),
        source=source_words(url),
        known_by="manifest" if spec.sha256 else "first use",
        url=url if remote else "",
    )


def take_url(what: str, url: str, folder: Path, sha256: str, work: Workplace) -> Stored:
    """Into the cache, if ``sha256`` is "" or its digest. ``folder`` is where a relative path starts."""
    if is_remote(url):
        return transfer(Wanted(what, (url,), sha256), work.client, work.cache, work.meter)
    return _take_local(what, _local_path(url, folder), sha256, work)


def source_words(url: str) -> str:
    """Where a file came from, for people and for the index."""
    return named(url) if is_remote(url) else f"file {url}"


def is_remote(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


def _take_local(what: str, path: Path, sha256: str, work: Workplace) -> Stored:
    with work.cache.writer() as writer:
        _read(what, path, writer, work.meter)
        found = writer.stored()
        if sha256 and found.sha256 != sha256:
            with path.open("rb") as file:
                words, hint = digest_difference(found.sha256, found.size, file.read(ENOUGH), sha256)
            raise DamagedError(f"{what}: {path} {words}", hint=hint)
        return writer.keep()


def _read(what: str, path: Path, writer: CacheWriter, meter: Meter) -> None:
    try:
        with path.open("rb") as file, meter(what, path.stat().st_size) as advance:
            if not clone_into(file.fileno(), writer.file.fileno()):
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


def _file_name(part: str, url: str) -> str:
    path = unquote(urlsplit(url).path) if "://" in url else url
    name = path.rpartition("/")[2]
    if problem := name_problem(name):
        raise UsageError(f"{part}: the last part of {url} is no name for a file of a bundle: {problem}")
    return name
