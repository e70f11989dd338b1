"""The NVIDIA container toolkit's archive: opened, and only the packages that nodes need are kept."""

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.archives import read_members
from bundler.cache import Cache, Stored
from installer.errors import RefusedError
from installer.index.document import Target

# In the order in which they depend on each other.
PACKAGES = (
    "libnvidia-container1",
    "libnvidia-container-tools",
    "nvidia-container-toolkit-base",
    "nvidia-container-toolkit",
)
_BUFFER = 1 << 20  # bytes


@dataclass(frozen=True)
class Taken:
    """One package in the cache; ``version`` is VERSION-RELEASE.ARCH."""

    name: str
    version: str
    stored: Stored

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.rpm"


def take_packages(archive: Path, name: str, version: str, target: Target, cache: Cache) -> tuple[Taken, ...]:
    """The needed packages of ``archive``, into the cache."""
    wanted = _choose((member.name for member, _ in read_members(archive, name)), name, version, target)
    found: dict[str, Taken] = {}
    for member, content in read_members(archive, name):
        if member.name in wanted and member.isreg():
            package, full_version = wanted[member.name]
            with cache.writer() as writer:
                shutil.copyfileobj(content, writer, _BUFFER)
                found[package] = Taken(package, full_version, writer.keep())
    _refuse_missing(found, name, version, target)
    return tuple(found[package] for package in PACKAGES)


def _choose(members: Iterable[str], archive: str, version: str, target: Target) -> Mapping[str, tuple[str, str]]:
    """Member to (package, its version), of the first folder that holds all.

    Upstream packs the same names for centos7 and centos8; the first in order suits the older nodes, too.
    """
    pattern = re.compile(
        rf"(?:(?P<folder>.*)/)?(?P<package>{'|'.join(PACKAGES)})"
        rf"-(?P<version>{re.escape(version)}-[0-9A-Za-z.~_]+\.{re.escape(target.arch)})\.rpm"
    )
    folders: dict[str, dict[str, tuple[str, str]]] = {}
    for member in members:
        if match := pattern.fullmatch(member):
            folders.setdefault(match["folder"] or "", {})[member] = (match["package"], match["version"])
    best = max(sorted(folders), key=lambda folder: len({p for p, _ in folders[folder].values()}), default="")
    chosen = folders.get(best, {})
    _refuse_missing({package for package, _ in chosen.values()}, archive, version, target)
    return chosen


def _refuse_missing(found: Iterable[str], archive: str, version: str, target: Target) -> None:
    missing = [f"{package}-{version}" for package in PACKAGES if package not in set(found)]
    if missing:
        raise RefusedError(
            f"{archive}: {', '.join(missing)} for {target.arch} missing",
            hint="the archive must be that of `toolkit.version`, for rpm and this machine",
        )
