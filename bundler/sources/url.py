"""One file from https, http or this machine's own disk, into the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from bundler.cache import Cache, CacheWriter, Stored
from bundler.cloning import clone_into
from bundler.http import download
from bundler.manifest import DownloadSpec
from bundler.progress import Advance, Meter
from bundler.sources.publishers import publisher_url
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


def take(part: str, spec: DownloadSpec, folder: Path, cache: Cache, meter: Meter) -> Taken:
    """The file of ``part``; its digest is the manifest's or, at first use, the one it has."""
    url = spec.url or publisher_url(part, spec.version)
    remote = urlsplit(url).scheme in {"http", "https"}
    return Taken(
        name=_file_name(part, url),
        stored=take_url(part, url, folder, spec.sha256, cache, meter),
        source=url if remote else f"file {url}",
        known_by="manifest" if spec.sha256 else "first use",
        url=url if remote else "",
    )


def take_url(what: str, url: str, folder: Path, sha256: str, cache: Cache, meter: Meter) -> Stored:
    """Fetch ``url`` and keep it if ``sha256`` is "" or its digest."""
    with cache.writer() as writer:
        if urlsplit(url).scheme in {"http", "https"}:
            download(url, writer.write, what, meter)
        else:
            _read(what, _local_path(url, folder), writer, meter)
        found = writer.stored()
        if sha256 and found.sha256 != sha256:
            raise DamagedError(
                f"{what}: {url} has sha256 {found.sha256}, expected {sha256}",
                hint="the file was changed or cut where it lies, or the expected digest is that of another file",
            )
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
