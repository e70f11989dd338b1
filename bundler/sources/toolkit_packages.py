"""The NVIDIA container toolkit's archive: opened, and only the packages that nodes need are kept."""

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.archives import read_members
from bundler.cache import Cache, Stored
from bundler.packages.closure import Bundled, package_findings
from bundler.packages.reading import read_package
from installer.errors import RefusedError
from installer.index.document import Target

# In the order in which they depend on each other.
PACKAGES = (
    "libnvidia-container1",
    "libnvidia-container-tools",
    "nvidia-container-toolkit-base",
    "nvidia-container-toolkit",
)
# Upstream's, by target.packages; the group `version` is how the package database says it.
_FILE_NAMES = {
    "rpm": r"(?:(?P<folder>.*)/)?(?P<package>{packages})-(?P<version>{version}-[0-9A-Za-z.~_]+\.x86_64)\.rpm",
    "deb": r"(?:(?P<folder>.*)/)?(?P<package>{packages})_(?P<version>{version}-[0-9A-Za-z.~+]+)_amd64\.deb",
}
_BUFFER = 1 << 20  # bytes


@dataclass(frozen=True)
class Taken:
    """One package in the cache; ``version`` is what the package database says of it: of an rpm with .ARCH."""

    name: str
    version: str
    file_name: str
    stored: Stored


def take_packages(archive: Path, name: str, version: str, target: Target, cache: Cache) -> tuple[Taken, ...]:
    """The needed packages of ``archive``, into the cache."""
    wanted = _choose((member.name for member, _ in read_members(archive, name)), name, version, target)
    found: dict[str, Taken] = {}
    for member, content in read_members(archive, name):
        if member.name in wanted and member.is_file:
            package, full_version = wanted[member.name]
            with cache.writer() as writer:
                shutil.copyfileobj(content, writer, _BUFFER)
                found[package] = Taken(package, full_version, member.name.rpartition("/")[2], writer.keep())
    _refuse_missing(found, name, version, target)
    taken = tuple(found[package] for package in PACKAGES)
    _refuse_odd(taken, target, cache)
    return taken


def _choose(members: Iterable[str], archive: str, version: str, target: Target) -> Mapping[str, tuple[str, str]]:
    """Member to (package, its version), of the first folder that holds all.

    Upstream packs the same names for centos7 and centos8; the first in order suits the older nodes, too.
    """
    pattern = re.compile(_FILE_NAMES[target.packages].format(packages="|".join(PACKAGES), version=re.escape(version)))
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
            hint=f"the archive must be that of `toolkit.version`, for {target.packages} and this machine",
        )


def _refuse_odd(taken: tuple[Taken, ...], target: Target, cache: Cache) -> None:
    """What a package says of itself, against its file's name, the other three and the nodes."""
    bundled = []
    for package in taken:
        facts = read_package(cache.path(package.stored.sha256), package.file_name)
        if (facts.name, facts.installed_version) != (package.name, package.version):
            raise RefusedError(
                f"{package.file_name}: is {facts.name} {facts.installed_version} by its own words",
                hint="take the archive from where NVIDIA publishes it",
            )
        bundled.append(Bundled(f"toolkit/{package.file_name}", facts))
    for finding in package_findings(bundled, target):
        if finding.exit_code:
            raise finding.error()
