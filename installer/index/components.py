"""What bundle.json says of each component, enough for a step to see whether a node already has it."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from installer.errors import printable
from installer.index.model_shape import ModelShape
from installer.index.strict import Place, Value

# What the upstream static archive may hold, and all that is ever placed on a node from it.
DOCKER_BINARIES = tuple(
    """
    containerd containerd-shim containerd-shim-runc-v2 ctr docker docker-init docker-proxy dockerd runc
    """.split()
)
# What a model may hold once the manifest allows it by name, as it can run code on the nodes.
MODEL_OPT_INS = ("pickle", "code")
_VERSION = r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}"
_PACKAGE_NAME = r"[A-Za-z0-9][A-Za-z0-9+._-]{0,127}"
_KERNEL = r"[0-9][0-9A-Za-z.+~_-]{0,127}"
_IMAGE_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE_ARCHITECTURES = ("amd64",)
_IMAGE_KEYS = tuple("reference config manifest diff_ids versions requires entrypoint architecture created".split())
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


def read_version(at: Place) -> str:
    return at.matching("version", _VERSION, "a version")


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver; ``version`` as in its .run file's name and as nvidia-smi prints it."""

    version: str

    @classmethod
    def read(cls, at: Place) -> "Driver":
        at.only("version")
        return cls(read_version(at))

    def document(self) -> dict[str, Value]:
        return {"version": self.version}


@dataclass(frozen=True)
class Binary:
    """One program of the docker archive."""

    name: str
    size: int
    sha256: str

    @classmethod
    def read(cls, at: Place) -> "Binary":
        at.only("name", "size", "sha256")
        return cls(
            at.choice("name", DOCKER_BINARIES),
            at.integer("size", 1, 2**31),
            at.matching("sha256", r"[0-9a-f]{64}", "64 lower-case hex digits"),
        )

    def document(self) -> dict[str, Value]:
        return {"name": self.name, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True)
class Docker:
    """The static docker archive and the digest of each program in it."""

    version: str
    binaries: tuple[Binary, ...]

    @classmethod
    def read(cls, at: Place) -> "Docker":
        at.only("version", "binaries")
        return cls(read_version(at), tuple(Binary.read(b) for b in at.each("binaries")))

    def document(self) -> dict[str, Value]:
        return {"version": self.version, "binaries": [b.document() for b in self.binaries]}


@dataclass(frozen=True)
class Package:
    """One package file, and its NAME and VERSION-RELEASE.ARCH in the package database once installed."""

    path: str
    name: str
    version: str

    @classmethod
    def read(cls, at: Place) -> "Package":
        at.only("path", "name", "version")
        return cls(
            at.text("path"),
            at.matching("name", _PACKAGE_NAME, "a package name"),
            at.matching("version", r"[0-9][0-9A-Za-z.+~_-]{0,63}", "a package version"),
        )

    def document(self) -> dict[str, Value]:
        return {"path": self.path, "name": self.name, "version": self.version}


@dataclass(frozen=True)
class Toolkit:
    """The NVIDIA container toolkit's packages."""

    version: str
    packages: tuple[Package, ...]

    @classmethod
    def read(cls, at: Place) -> "Toolkit":
        at.only("version", "packages")
        return cls(read_version(at), tuple(Package.read(p) for p in at.each("packages")))

    def document(self) -> dict[str, Value]:
        return {"version": self.version, "packages": [p.document() for p in self.packages]}


@dataclass(frozen=True)
class ExtraPackage:
    """A package that nodes lack; ``version`` is as their package database prints it, an epoch in front.

    ``kernels`` are the releases (`uname -r`) of the nodes that it is for; none means every node.
    """

    path: str
    name: str
    version: str
    purpose: str
    kernels: tuple[str, ...]

    @classmethod
    def read(cls, at: Place) -> "ExtraPackage":
        at.only("path", "name", "version", "purpose", "kernels")
        package = cls(
            path=at.text("path"),
            name=at.matching("name", _PACKAGE_NAME, "a package name"),
            version=at.matching("version", r"[0-9A-Za-z][0-9A-Za-z.:+~^_-]{0,127}", "a package version"),
            purpose=at.text("purpose"),
            kernels=at.texts("kernels"),
        )
        if not all(re.fullmatch(_KERNEL, kernel) for kernel in package.kernels):
            at.fail("kernels", "not a kernel release each")
        return package

    def document(self) -> dict[str, Value]:
        return {
            "path": self.path,
            "name": self.name,
            "version": self.version,
            "purpose": self.purpose,
            "kernels": list(self.kernels),
        }


@dataclass(frozen=True)
class Packages:
    """All that nodes lack, in the order of the manifest."""

    packages: tuple[ExtraPackage, ...]

    @classmethod
    def read(cls, at: Place) -> "Packages":
        at.only("packages")
        return cls(tuple(ExtraPackage.read(package) for package in at.each("packages")))

    def document(self) -> dict[str, Value]:
        return {"packages": [package.document() for package in self.packages]}


@dataclass(frozen=True)
class Image:
    """The vLLM image.

    ``config`` is the image ID up to docker 28, ``manifest`` from docker 29 on (containerd store).
    ``versions`` are of what was found in it: vllm, ray, torch, python, cuda. ``requires`` are its NVIDIA_REQUIRE_*
    variables, which the container toolkit compares with the node's driver before it starts a container.
    ``entrypoint`` is what it runs unless told otherwise; ``architecture`` is in docker's words. ``created`` is when
    it was made, as its configuration says, or "": no build reads a clock, and this date is the same for all.
    """

    reference: str
    config: str
    manifest: str
    diff_ids: tuple[str, ...]
    versions: dict[str, str]
    requires: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    architecture: str = "amd64"
    created: str = ""

    @classmethod
    def read(cls, at: Place) -> "Image":
        at.only(*_IMAGE_KEYS)
        image = cls(
            reference=at.matching("reference", ".+", "an image reference"),
            config=at.matching("config", _IMAGE_DIGEST, "a digest"),
            manifest=at.matching("manifest", _IMAGE_DIGEST, "a digest"),
            diff_ids=at.texts("diff_ids"),
            versions=at.texts_by_name("versions"),
            requires=at.texts_by_name("requires"),
            entrypoint=at.texts("entrypoint"),
            architecture=at.choice("architecture", _IMAGE_ARCHITECTURES),
            created=at.matching("created", f"({_TIME})?", "a time like 2026-11-21T10:00:00Z", ""),
        )
        if not image.diff_ids:
            at.fail("diff_ids", "empty")
        if not all(re.fullmatch(_IMAGE_DIGEST, diff_id) for diff_id in image.diff_ids):
            at.fail("diff_ids", "not a digest each")
        return image

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"created": self.created} if self.created else {}
        return known | {
            "reference": self.reference,
            "config": self.config,
            "manifest": self.manifest,
            "diff_ids": list(self.diff_ids),
            "versions": dict(self.versions),
            "requires": dict(self.requires),
            "entrypoint": list(self.entrypoint),
            "architecture": self.architecture,
        }

    @property
    def made_at(self) -> float:
        """Seconds since 1970; 0 where that is not known."""
        try:
            return max(0, datetime.fromisoformat(self.created).timestamp())
        except ValueError:
            return 0

    @property
    def ids(self) -> tuple[str, str]:
        """What docker may call this image."""
        return (self.config, self.manifest)


@dataclass(frozen=True)
class Model:
    """The model folder; ``name`` is the folder's name below the data directory. ``allow`` is of MODEL_OPT_INS.

    ``shape`` is what its config.json says, so that a node can judge whether it fits before a byte is taken in; None
    where it has none that can be read.
    """

    name: str
    allow: tuple[str, ...] = ()
    shape: ModelShape | None = None

    @classmethod
    def read(cls, at: Place) -> "Model":
        at.only("name", "allow", "shape")
        return cls(
            at.matching("name", r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "a folder name"),
            read_model_opt_ins(at),
            ModelShape.read(at.inside("shape")) if at.has("shape") else None,
        )

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"allow": list(self.allow)} if self.allow else {}
        known |= {"shape": self.shape.document()} if self.shape else {}
        return known | {"name": self.name}


def read_model_opt_ins(at: Place) -> tuple[str, ...]:
    allowed = at.texts("allow", ())
    for name in allowed:
        if name not in MODEL_OPT_INS:
            at.fail("allow", f"{printable(name)[:80]!r} is not one of {', '.join(MODEL_OPT_INS)}")
    return allowed
