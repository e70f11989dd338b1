"""MANIFEST.lock: what a manifest resolved to, by digest, and how each digest is known."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from installer.errors import MalformedError, RefusedError, UsageError
from installer.index.components import Docker, Driver, Image, Model, Packages, Toolkit
from installer.index.document import KINDS, KNOWN_BY, LARGEST_FILE, read_sequence
from installer.index.settings import BACKENDS
from installer.index.strict import Place, Value, parse_json

FORMAT = 1
LARGEST_LOCK = 16 << 20  # bytes
_DIGEST = r"[0-9a-f]{64}"
_DIGEST_MEANING = "64 lower-case hex digits"
Component = Packages | Driver | Docker | Toolkit | Image | Model
_READERS: Mapping[str, Callable[[Place], Component]] = {
    "packages": Packages.read,
    "driver": Driver.read,
    "docker": Docker.read,
    "toolkit": Toolkit.read,
    "image": Image.read,
    "model": Model.read,
}
PARTS = (*_READERS, "runtime", "files")
_Kind = TypeVar("_Kind", bound=Component)


class LockPlace(Place):
    """A place in a lock, which is the person's file and no bundle."""

    error = UsageError


@dataclass(frozen=True)
class LockedFile:
    """One file of the bundle to be, before its chunks are known."""

    path: str
    kind: str
    size: int
    sha256: str
    source: str  # URL or other words for people; provenance in the index
    known_by: str  # one of KNOWN_BY
    url: str = ""  # where fetch gets it again; "" when only its source can

    @classmethod
    def read(cls, at: Place) -> "LockedFile":
        at.only("path", "kind", "size", "sha256", "source", "known_by", "url")
        return cls(
            path=at.text("path"),
            kind=at.choice("kind", KINDS),
            size=at.integer("size", 0, LARGEST_FILE),
            sha256=at.matching("sha256", _DIGEST, _DIGEST_MEANING),
            source=at.text("source"),
            known_by=at.choice("known_by", KNOWN_BY),
            url=at.text("url", ""),
        )

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"url": self.url} if self.url else {}
        return known | {
            "path": self.path,
            "kind": self.kind,
            "size": self.size,
            "sha256": self.sha256,
            "source": self.source,
            "known_by": self.known_by,
        }


@dataclass(frozen=True)
class LockedImage:
    """What an image source found: the image, and its files below image/."""

    image: Image
    files: tuple[LockedFile, ...]
    pinned: str = ""  # as in Part


@dataclass(frozen=True)
class Part:
    """One part of the manifest, resolved; ``of`` is the digest of what the manifest said of it. Files are sorted.

    ``pinned`` is the name by which an image's own registry has it for good, before anything was added to it.
    """

    of: str
    component: Component | None  # None for the runtime and the extra files, of which the index says no more
    files: tuple[LockedFile, ...]
    pinned: str = ""

    @classmethod
    def read(cls, name: str, at: Place) -> "Part":
        at.only("of", "component", "files", *(("pinned",) if name == "image" else ()))
        reader = _READERS.get(name)
        return cls(
            of=at.matching("of", _DIGEST, _DIGEST_MEANING),
            component=reader(at.inside("component")) if reader else None,
            files=tuple(LockedFile.read(file) for file in at.each("files")),
            pinned=at.text("pinned", ""),
        )

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"component": self.component.document()} if self.component else {}
        known |= {"pinned": self.pinned} if self.pinned else {}
        return known | {"of": self.of, "files": [file.document() for file in self.files]}


@dataclass(frozen=True)
class Backend:
    """How the nodes work together, and why so."""

    name: str
    reason: str

    @classmethod
    def read(cls, at: Place) -> "Backend":
        at.only("name", "reason")
        return cls(at.choice("name", BACKENDS), at.text("reason"))

    def document(self) -> dict[str, Value]:
        return {"name": self.name, "reason": self.reason}

    @property
    def words(self) -> str:
        return f"{self.name} ({self.reason})"


@dataclass(frozen=True)
class Release:
    """A bundle that was built: ``sha256`` is that of its SHA256SUMS.

    ``outline`` is the digest of what a lock says of the bundle before a file of it was read; "" in locks of old.
    """

    sequence: int
    sha256: str
    outline: str = field(default="", compare=False)

    @classmethod
    def read(cls, at: Place) -> "Release":
        at.only("sequence", "sha256", "outline")
        outline = at.matching("outline", _DIGEST, _DIGEST_MEANING) if at.has("outline") else ""
        return cls(read_sequence(at), at.matching("sha256", _DIGEST, _DIGEST_MEANING), outline)

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"outline": self.outline} if self.outline else {}
        return known | {"sequence": self.sequence, "sha256": self.sha256}

    def refuse_lower(self, sequence: int) -> None:
        if sequence < self.sequence:
            raise RefusedError(
                f"sequence: {sequence} is lower than {self.sequence}, the last one signed; nodes would refuse it",
                hint=f"set `sequence: {self.sequence + 1}` in the manifest",
            )

    def refuse_other(self, other: "Release") -> None:
        """Two bundles of one sequence cannot be told apart on a node."""
        if self._rivals(other):
            raise self._refusal()

    def refuse_other_outline(self, sequence: int, outline: str) -> None:
        """The same before anything is copied: another outline makes other lists."""
        if self.outline and sequence == self.sequence and outline != self.outline:
            raise self._refusal()

    def _refusal(self) -> RefusedError:
        return RefusedError(
            f"sequence: {self.sequence} was signed already, with other content; nodes would refuse the second",
            hint=f"set `sequence: {self.sequence + 1}` in the manifest",
        )

    def doubt(self, other: "Release") -> str:
        """What a person should know who builds ``other`` after this one, which has no signature; "" if nothing."""
        if not self._rivals(other):
            return ""
        return (
            f"sequence: {other.sequence} was built already, with other content, and not signed here; if that bundle "
            f"was signed elsewhere, nodes will refuse this one: set `sequence: {other.sequence + 1}` and build again"
        )

    def _rivals(self, other: "Release") -> bool:
        return other.sequence == self.sequence and other.sha256 != self.sha256


@dataclass(frozen=True)
class Lock:
    """All that is known. Parts the manifest has and ``parts`` lacks are still to be resolved.

    ``signed`` is the last release signed by its build. ``unsigned`` was built after it without a key: perhaps a trial,
    perhaps signed on another machine, of which the lock hears nothing.
    """

    parts: Mapping[str, Part] = field(default_factory=dict)
    backend: Backend | None = None
    signed: Release | None = None
    unsigned: Release | None = None

    def component(self, kind: type[_Kind]) -> _Kind | None:
        return next((p.component for p in self.parts.values() if isinstance(p.component, kind)), None)

    @property
    def files(self) -> tuple[LockedFile, ...]:
        return tuple(file for part in self.parts.values() for file in part.files)

    def with_part(self, name: str, part: Part) -> "Lock":
        return replace(self, parts={**self.parts, name: part})

    def with_signed(self, release: Release) -> "Lock":
        return replace(self, signed=release, unsigned=None)

    def with_unsigned(self, release: Release) -> "Lock":
        return self if release == self.signed else replace(self, unsigned=release)

    def document(self) -> dict[str, Value]:
        document: dict[str, Value] = {
            "format": FORMAT,
            "parts": {name: part.document() for name, part in self.parts.items()},
        }
        if self.backend:
            document["backend"] = self.backend.document()
        if self.signed:
            document["signed"] = self.signed.document()
        if self.unsigned:
            document["unsigned"] = self.unsigned.document()
        return document


def lock_path(manifest: Path) -> Path:
    """``release.yaml`` has ``release.lock``."""
    name = manifest.stem if manifest.suffix in {".yaml", ".yml"} else manifest.name
    return manifest.with_name(f"{name}.lock")


def read_lock(path: Path) -> Lock | None:
    """The lock at ``path``, or None where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_LOCK + 1)
    except FileNotFoundError:
        return None
    if len(data) > LARGEST_LOCK:
        raise UsageError(f"{path}: larger than {LARGEST_LOCK} bytes, so no lock")
    try:
        return parse_lock(data, path.name)
    except (MalformedError, UsageError) as error:
        raise UsageError(str(error), hint=f"restore {path.name}, or remove it and run `bundle lock`") from error


def parse_lock(data: bytes, name: str) -> Lock:
    at = LockPlace.of(parse_json(data, name), name)
    at.only("format", "parts", "backend", "signed", "unsigned")
    at.integer("format", FORMAT, FORMAT)
    parts = at.inside("parts")
    parts.only(*PARTS)
    return Lock(
        parts={part: Part.read(part, parts.inside(part)) for part in PARTS if parts.has(part)},
        backend=Backend.read(at.inside("backend")) if at.has("backend") else None,
        signed=Release.read(at.inside("signed")) if at.has("signed") else None,
        unsigned=Release.read(at.inside("unsigned")) if at.has("unsigned") else None,
    )


def render_lock(lock: Lock) -> bytes:
    return json.dumps(lock.document(), indent=1, sort_keys=True).encode("ascii") + b"\n"


def write_lock(path: Path, lock: Lock) -> None:
    """Whole or not at all, also when the power goes."""
    aside = path.with_name(f"{path.name}.partial")
    try:
        with aside.open("wb") as file:
            file.write(render_lock(lock))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
