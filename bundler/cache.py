"""The content-addressed store: every file that a build gathers, once, under the name of its digest."""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from bundler.filesystems import saying_where
from bundler.modes import FILE_MODE, set_mode
from installer.errors import LockedError

_BUFFER = 1 << 20  # bytes


@dataclass(frozen=True)
class Stored:
    """What a finished entry is called, and its length."""

    sha256: str
    size: int


class CacheWriter:
    """A binary sink that hashes what is written. Nothing of it is in the cache before ``keep``."""

    def __init__(self, file: BinaryIO, path: Path, cache: "Cache") -> None:
        self.file = file
        self._path = path
        self._cache = cache
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | memoryview) -> int:
        self.file.write(data)
        self._digest.update(data)
        self._size += len(data)
        return len(data)

    def stored(self) -> Stored:
        """What ``keep`` would call it; who expects a certain digest compares before keeping."""
        self.file.flush()
        if os.fstat(self.file.fileno()).st_size != self._size:
            self._read_back()
        return Stored(self._digest.hexdigest(), self._size)

    def keep(self) -> Stored:
        stored = self.stored()
        self._cache.adopt(self.file, self._path, stored.sha256)
        return stored

    def _read_back(self) -> None:
        """For bytes that came by the descriptor: a clone, or a copy made by the kernel."""
        self._digest, self._size = hashlib.sha256(), 0
        self.file.seek(0)
        while piece := self.file.read(_BUFFER):
            self._digest.update(piece)
            self._size += len(piece)


class Cache:
    """Files by the SHA-256 of their content, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.added: set[str] = set()  # digests that came by this object, and were not there before

    def path(self, sha256: str) -> Path:
        return self.folder / "sha256" / sha256[:2] / sha256

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    @property
    def partials(self) -> Path:
        """Where files grow that a later run may go on with."""
        return self.folder / "partial"

    def arrived(self, sha256: str) -> int:
        """Bytes of it that are here, also of what is not whole yet."""
        for path in (self.path(sha256), self.partials / sha256):
            with suppress(FileNotFoundError):
                return path.stat().st_size
        return 0

    def drop(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def touch(self, sha256: str) -> None:
        """Remember that it was used now. Its time of access is ours to set; that of change belongs to the bundles."""
        path = self.path(sha256)
        with suppress(FileNotFoundError, PermissionError):  # pruned just now, or another user's
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))

    def adopt(self, file: BinaryIO | FileIO, path: Path, sha256: str) -> None:
        """Make the open ``file`` at ``path``, on the file system of the cache, the entry ``sha256``."""
        set_mode(file, FILE_MODE)  # as in a bundle, so that it can be hard-linked into one
        os.fsync(file.fileno())
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)  # also where there is one, which may have been damaged since
        self.added.add(sha256)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this lasts, nothing is pruned. Waits for a prune that is at work."""
        with self._lock_file() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """LockedError while a build uses the cache."""
        with self._lock_file() as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(f"{self.folder}: a build is using it", hint="wait for it to end") from error
            yield

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        self.folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.folder / "lock", flags, 0o644)  # never unlinked: all must lock the same file
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def writer(self) -> Iterator[CacheWriter]:
        """A file aside, on the file system of the cache; what is not kept is gone afterwards."""
        with self._aside() as (file, path):
            yield CacheWriter(file, path, self)

    def write_record(self, path: Path, data: bytes) -> None:
        """A file of the cache that has a name of its own: whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._aside() as (file, aside):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            aside.replace(path)

    @contextmanager
    def _aside(self) -> Iterator[tuple[BinaryIO, Path]]:
        folder = self.folder / "aside"
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        descriptor, path = _held(folder)
        try:
            with saying_where(self.folder), os.fdopen(descriptor, "w+b") as file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)


def cache_folder(environment: Mapping[str, str]) -> Path:
    if chosen := environment.get("VLLM_AIRGAP_CACHE"):
        return Path(chosen)
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vllm-airgap"


def _held(aside: Path) -> tuple[int, Path]:
    """A new file that is locked for as long as it is open."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=aside)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # another run swept it before it was locked


def _sweep(aside: Path) -> None:
    """Remove what killed runs left behind. By the locks, for times mean nothing where a clock may jump."""
    for path in aside.iterdir():
        with suppress(FileNotFoundError, BlockingIOError, PermissionError):  # gone, at work, another user's
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
