"""What one package file says of itself, the same for rpm and deb."""

from dataclasses import dataclass
from typing import BinaryIO

from installer.errors import DamagedError, RefusedError, printable
from installer.index.package_versions import COMPARE


@dataclass(frozen=True)
class Relation:
    """A name, and of which versions of it: ``operator`` is "", "<", "<=", "=", ">=" or ">"."""

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        return printable(f"{self.name} {self.operator} {self.version}".strip())[:200]


@dataclass(frozen=True)
class PackageFacts:
    """``version`` is [EPOCH:]VERSION[-RELEASE]. Of each of ``needs`` one alternative must be there."""

    format: str  # rpm | deb
    name: str
    version: str
    arch: str
    provides: tuple[Relation, ...]
    needs: tuple[tuple[Relation, ...], ...]
    conflicts: tuple[Relation, ...]
    obsoletes: tuple[Relation, ...]
    files: frozenset[str] = frozenset()  # absolute paths; of an rpm only, whose like may be needed by path

    @property
    def file_name(self) -> str:
        """As its distribution names it, without an epoch and with nothing that a bundle's name may not have."""
        upstream = self.version.rpartition(":")[2].replace("^", "%5E")
        if self.format == "deb":
            return f"{self.name}_{upstream}_{self.arch}.deb"
        return f"{self.name}-{upstream}.{self.arch}.rpm"

    @property
    def installed_version(self) -> str:
        """As the package database prints it once it is installed."""
        return f"{self.version}.{self.arch}" if self.format == "rpm" else self.version

    def provides_any(self, alternatives: tuple[Relation, ...]) -> bool:
        return any(wanted.name in self.files or self._has(wanted) for wanted in alternatives)

    def _has(self, wanted: Relation) -> bool:
        return any(overlap(self.format, given, wanted) for given in self.provides if given.name == wanted.name)


def overlap(package_format: str, given: Relation, wanted: Relation) -> bool:
    """Whether some version is in both. A provide without a version is any version to rpm, and none to dpkg."""
    if not wanted.operator:
        return True
    if not given.operator:
        return package_format == "rpm"
    order = COMPARE[package_format](given.version, wanted.version)
    if order == 0:
        # At the same point: both reach it, or both go off in the same direction from it.
        return ("=" in given.operator and "=" in wanted.operator) or given.operator[0] == wanted.operator[0]
    given_goes_towards = (">" if order < 0 else "<") in given.operator
    wanted_goes_towards = ("<" if order < 0 else ">") in wanted.operator
    return given_goes_towards or wanted_goes_towards


def refuse_no_package(name: str, head: bytes, formats: str) -> RefusedError:
    """For what is no package at all; the caller raises it."""
    hint = "a login page may have answered: look at its start" if head.lstrip()[:1] == b"<" else ""
    return RefusedError(f"{name}: is no {formats} package", hint=hint)


def cut(name: str, why: str) -> DamagedError:
    """For a package whose own lengths or sums do not fit; the caller raises it."""
    in_one_line = printable(" ".join(why.split()))[:200]
    return DamagedError(f"{name}: cut or changed: {in_one_line}", hint="fetch the package again from where it came")


def read_head(file: BinaryIO, length: int) -> bytes:
    """The first bytes, and back to the start."""
    head = file.read(length)
    file.seek(0)
    return head
