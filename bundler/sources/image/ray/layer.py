"""Pinned wheels as one layer of an image. The same wheels and places always give the same bytes."""

import configparser
import hashlib
import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from bundler.cache import Cache
from bundler.progress import Advance
from bundler.sources.image.inside import Inside
from bundler.sources.image.layers.gzip_writer import BLOCK, GzipWriter, compressors
from bundler.sources.image.layout import Layer
from installer.errors import DamagedError, RefusedError

_PACKAGES = re.compile(r"(?:(?P<prefix>.+)/)?lib(?:64)?/python3(?:\.[0-9]+)?/(?:site|dist)-packages")
_FILE, _PROGRAM, _FOLDER = 0o644, 0o755, 0o755
_SCRIPT = """\
#!{interpreter}
import sys

from {module} import {function}

sys.exit({function}())
"""


@dataclass(frozen=True)
class Home:
    """Where a Python of the image keeps packages and programs, without a leading slash, and how a program names it."""

    packages: str
    programs: str
    interpreter: str


def home_of(inside: Inside) -> Home:
    """Beside vLLM."""
    match = _PACKAGES.fullmatch(inside.packages_folder)
    if match is None:
        raise RefusedError(
            f"the image keeps vLLM in {inside.packages_folder or 'no folder'}, where no Python looks for packages",
            hint="set `cluster.backend: mp`, or name an image that holds Ray",
        )
    programs = f"{match['prefix']}/bin" if match["prefix"] else "bin"
    own = f"{programs}/python{inside.python}"
    interpreter = f"/{own}" if own in inside.interpreters else f"/usr/bin/env python{inside.python}"
    return Home(inside.packages_folder, programs, interpreter)


def make_layer(wheels: Sequence[Path], home: Home, cache: Cache, advance: Advance) -> Layer:
    """Into the cache. The first of ``wheels`` also gets the program of its own name."""
    with ExitStack() as stack:
        archives = [stack.enter_context(zipfile.ZipFile(path)) for path in wheels]
        files = dict(_files(archives, home))
        pool, writer = stack.enter_context(compressors()), stack.enter_context(cache.writer())
        sink = _Sink(GzipWriter(writer.write, pool))
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted({*files, *_folders(files, home)}):
                _add(tar, name, files.get(name), advance)
        return Layer(f"sha256:{sink.finish()}", writer.keep())


@dataclass(frozen=True)
class _Entry:
    """One file of the layer, opened when its turn comes."""

    size: int
    mode: int
    open: Callable[[], IO[bytes]]


class _Sink(io.RawIOBase):
    """What tarfile writes to: blocks of the one length that the compressor wants, hashed on the way."""

    def __init__(self, gzip: GzipWriter) -> None:
        super().__init__()
        self._gzip = gzip
        self._digest = hashlib.sha256()
        self._held = bytearray()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._digest.update(data)
        self._held += data
        while len(self._held) >= BLOCK:
            self._gzip.write(bytes(self._held[:BLOCK]))
            del self._held[:BLOCK]
        return len(data)

    def finish(self) -> str:
        """The digest of what was written."""
        if self._held:
            self._gzip.write(bytes(self._held))
        self._gzip.finish()
        return self._digest.hexdigest()


def _files(archives: Sequence[zipfile.ZipFile], home: Home) -> Iterator[tuple[str, _Entry]]:
    for archive in archives:
        for member in archive.infolist():
            if member.is_dir():
                continue
            _check(member.filename)
            runs = (member.external_attr >> 16) & stat.S_IXUSR
            entry = _Entry(member.file_size, _PROGRAM if runs else _FILE, partial(archive.open, member))
            yield f"{home.packages}/{member.filename}", entry
    yield _program(archives[0], home)


def _check(name: str) -> None:
    first = name.partition("/")[0]
    if not first or ".." in name.split("/") or first.endswith(".data"):
        raise DamagedError(f"wheel: {name!r} is no file for site-packages; the table of wheels names the wrong one")


def _program(archive: zipfile.ZipFile, home: Home) -> tuple[str, _Entry]:
    """The console script that the wheel's own metadata name like the wheel."""
    (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
    name = path.partition("-")[0]
    scripts = configparser.ConfigParser(delimiters=("=",))
    scripts.read_string(archive.read(path).decode())
    module, _, function = scripts["console_scripts"][name].partition(":")
    text = _SCRIPT.format(interpreter=home.interpreter, module=module, function=function).encode()
    return f"{home.programs}/{name}", _Entry(len(text), _PROGRAM, partial(io.BytesIO, text))


def _folders(files: dict[str, _Entry], home: Home) -> set[str]:
    """Those below the packages; what is above them is the image's own."""
    below = f"{home.packages}/"
    parents = (parent.as_posix() for name in files for parent in Path(name).parents)
    return {parent for parent in parents if parent.startswith(below)}


def _add(tar: tarfile.TarFile, name: str, entry: _Entry | None, advance: Advance) -> None:
    member = tarfile.TarInfo(name)
    if entry is None:
        member.type, member.mode = tarfile.DIRTYPE, _FOLDER
        tar.addfile(member)
        return
    member.size, member.mode = entry.size, entry.mode
    with entry.open() as content:
        tar.addfile(member, content)
    advance(entry.size)
