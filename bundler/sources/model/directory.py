"""A model folder on this machine: listed, hashed and packed where it lies, never copied aside."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bundler.cache import Stored
from bundler.digesting import digest_whole, in_threads
from bundler.lock import LockedFile
from bundler.manifest import Manifest, ModelSpec
from bundler.progress import Advance, Meter
from installer.errors import DamagedError, MalformedError, RefusedError, UsageError, printable
from installer.index.names import check_names, name_problem


def take_files(spec: ModelSpec, folder: Path, meter: Meter) -> tuple[LockedFile, ...]:
    """Every file of the model by its digest, compared with those the manifest gives."""
    files = list_files(folder)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    with meter("model", sum(sizes.values())) as advance:
        digests = in_threads(_digest, files.values(), advance)
    found = {name: digests[path] for name, path in files.items()}
    _compare(spec.sha256, found)
    return tuple(_locked(spec, name, found[name]) for name in sorted(found))


def list_files(folder: Path) -> dict[str, Path]:
    """Name in the model to where it lies, less dot files. A link to a file counts as the file, as hubs' caches do."""
    try:
        files = dict(_walk(folder, ""))
    except FileNotFoundError as error:
        raise UsageError(f"model.path: {error.filename}: no such folder") from error
    except NotADirectoryError as error:
        raise UsageError(f"model.path: {error.filename}: not a folder") from error
    if not files:
        raise UsageError(f"model.path: {folder}: no file in it")
    try:
        check_names(files)
    except MalformedError as error:
        raise RefusedError(f"model: {error}", hint="rename one of the two, or remove it") from error
    return files


def locate(manifest: Manifest, locked: Iterable[LockedFile]) -> dict[str, Path]:
    """Path in the bundle to where each file lies; DamagedError unless the folder holds just what was locked."""
    listed = list_files(manifest.model_folder)
    files = {f"model/{manifest.model.name}/{name}": path for name, path in listed.items()}
    for name in sorted(files.keys() ^ {file.path for file in locked}):
        what = "was added to" if name in files else "is gone from"
        raise DamagedError(f"{name}: {what} the model's folder since it was locked", hint=as_it_is_now(manifest))
    return files


def as_it_is_now(manifest: Manifest) -> str:
    """The hint for a folder that is not as it was locked."""
    return f"`bundle lock {manifest.path} --update model` takes the folder as it is now"


def _walk(folder: Path, below: str) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith("."):
            continue
        name = f"{below}{entry.name}"
        if problem := name_problem(name):
            raise RefusedError(f"model: {printable(name)[:200]!r}: {problem}", hint="rename the file, or remove it")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/")
        else:
            yield name, _regular(name, Path(entry.path))


def _regular(name: str, path: Path) -> Path:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise RefusedError(f"model: {name}: a link to nothing") from error
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise RefusedError(f"model: {name}: a link that leads back to itself", hint="remove it") from error
    if not stat.S_ISREG(mode):
        raise RefusedError(f"model: {name}: neither a regular file nor a link to one")
    return path.resolve()


def _digest(path: Path, advance: Advance) -> Stored:
    with path.open("rb", buffering=0) as file:
        return digest_whole(file, advance)


def _compare(expected: Mapping[str, str], found: Mapping[str, Stored]) -> None:
    for name, sha256 in expected.items():
        if name not in found:
            raise UsageError(f"model.sha256: no file {printable(name)[:200]} in the model")
        if found[name].sha256 != sha256:
            raise DamagedError(
                f"model: {name} has sha256 {found[name].sha256}, the manifest says {sha256}",
                hint="download this file again, or correct its digest in the manifest",
            )


def _locked(spec: ModelSpec, name: str, found: Stored) -> LockedFile:
    return LockedFile(
        path=f"model/{spec.name}/{name}",
        kind="model",
        size=found.size,
        sha256=found.sha256,
        source=f"directory {spec.path}",
        known_by="manifest" if name in spec.sha256 else "first use",
    )
