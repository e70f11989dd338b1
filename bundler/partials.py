"""What has come of a file that is not whole yet. It lies in the cache, outlives a kill, and is gone on with."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.filesystems import saying_where
from bundler.provenance import remember_url
from installer.errors import MalformedError
from installer.index.strict import Place, parse_json

_BUFFER = 1 << 20  # bytes
_LARGEST_RECORD = 64 << 10  # bytes


@dataclass(frozen=True)
class Origin:
    """Where the bytes of a partial file are from, and by what its server tells that they are still the same."""

    url: str
    validator: str  # for If-Range; "" if the server gives none
    total: int  # bytes of the whole file; -1 if nobody said

    @classmethod
    def read(cls, data: bytes, name: str) -> "Origin":
        at = Place.of(parse_json(data, name), name)
        at.only("url", "validator", "total")
        return cls(at.text("url"), at.text("validator", ""), at.integer("total", -1, 1 << 62))

    def render(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode("ascii")


class Partial:
    """Bytes from the file's first on, and their origin. Held by one thread of one run at a time."""

    def __init__(self, file: FileIO, path: Path, cache: Cache) -> None:
        self._file = file
        self._path = path
        self._cache = cache
        self.size = os.fstat(file.fileno()).st_size
        self.origin = origin_of(path)

    def append(self, piece: memoryview) -> None:
        """Straight to the system: a kill afterwards loses nothing of it."""
        self._file.seek(self.size)
        while piece:
            written = self._file.write(piece)
            self.size += written
            piece = piece[written:]

    def pieces(self, start: int) -> Iterator[memoryview]:
        """What is there from ``start`` on. A piece is good until the next one."""
        buffer = memoryview(bytearray(_BUFFER))
        while start < self.size:
            count = os.preadv(self._file.fileno(), [buffer], start)
            if not count:  # somebody cut it
                self.size = start
            yield buffer[: min(count, self.size - start)]
            start += count

    def read(self, start: int, count: int) -> bytes:
        """What is there from ``start`` on, ``count`` bytes at most."""
        return os.pread(self._file.fileno(), max(0, min(count, self.size - start)), start)

    def cut(self, size: int) -> None:
        self._file.truncate(size)
        self.size = size

    def came_from(self, origin: Origin) -> None:
        """To be called before bytes of another origin are added."""
        if origin != self.origin:
            self._cache.write_record(_record_path(self._path), origin.render())
            self.origin = origin

    def keep(self, sha256: str) -> Stored:
        """Into the cache, under the digest that the caller has found the whole to have."""
        self._cache.adopt(self._file, self._path, sha256)
        if self.origin:
            remember_url(self._cache, sha256, self.origin.url)
        _record_path(self._path).unlink(missing_ok=True)
        return Stored(sha256, self.size)

    def drop(self) -> None:
        self._path.unlink()
        _record_path(self._path).unlink(missing_ok=True)


def partial_key(sha256: str, url: str) -> str:
    """Whatever the mirror, a known digest has one partial file; without it only the URL says what the bytes are."""
    return sha256 or f"url-{hashlib.sha256(url.encode()).hexdigest()}"


@contextmanager
def holding(cache: Cache, key: str, wait: Callable[[], None]) -> Iterator[Partial]:
    """The partial file of ``key``, empty if there was none. ``wait`` is told if another run holds it first."""
    path = cache.partials / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with saying_where(cache.folder), _locked(path, wait) as file:
        partial = Partial(file, path, cache)
        try:
            yield partial
        finally:
            if not partial.size and path.exists():
                partial.drop()


@contextmanager
def _locked(path: Path, wait: Callable[[], None]) -> Iterator[FileIO]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            _lock(file, wait)
            # Whoever held it may have made it an entry of the cache, which nobody may write to.
            if _is_still(path, file):
                yield file
                return


def _lock(file: FileIO, wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        wait()
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_still(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def origin_of(path: Path) -> Origin | None:
    """Of the partial file at ``path``. None also for what a power cut left of a record, for others can judge."""
    record = _record_path(path)
    try:
        with record.open("rb") as file:
            return Origin.read(file.read(_LARGEST_RECORD), record.name)
    except (FileNotFoundError, MalformedError):
        return None
