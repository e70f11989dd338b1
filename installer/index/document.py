"""bundle.json: what is in a bundle, for whom, and where each digest comes from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from installer.errors import MalformedError
from installer.index.components import Docker, Driver, Image, Model, Packages, Toolkit
from installer.index.names import check_names
from installer.index.settings import ClusterSettings, ServeSettings
from installer.index.strict import Place, Value, parse_json

FORMAT = 1
INDEX_NAME = "bundle.json"
LAUNCHER_NAME = "install"
RUNTIME_NAME = "runtime.tar.gz"
CHUNK = 64 << 20  # bytes
LARGEST_INDEX = 16 << 20  # bytes
LARGEST_FILE = 1 << 43  # bytes
ROLES = ("head", "worker")
KINDS = ("launcher", "runtime", "package", "driver", "docker", "toolkit", "image", "model", "file")
# Of each kind that has one.
FOLDERS = {kind: kind for kind in ("driver", "docker", "toolkit", "image", "model")} | {
    "package": "packages",
    "file": "files",
}
PACKAGE_FORMATS = ("rpm", "deb")
_NEEDED_KINDS = ("launcher", "runtime", "image", "model")
_SINGLE_KINDS = ("launcher", "runtime", "driver", "docker")
_KEYS = tuple(
    "format name version sequence target cluster serve packages driver docker toolkit image model files".split()
)
_DIGEST = r"[0-9a-f]{64}"
KNOWN_BY = ("publisher", "hub", "registry", "mirror", "manifest", "first use", "build")


@dataclass(frozen=True)
class Target:
    """The nodes a bundle is for: machine as `uname -m` says, least glibc, package format."""

    arch: str
    glibc: str
    packages: str

    @classmethod
    def read(cls, at: Place) -> "Target":
        at.only("arch", "glibc", "packages")
        return cls(
            arch=at.choice("arch", ("x86_64",), "x86_64"),
            glibc=at.matching("glibc", r"2\.[0-9]{1,2}", "a glibc version like 2.17", "2.17"),
            packages=at.choice("packages", PACKAGE_FORMATS, "rpm"),
        )

    def document(self) -> dict[str, Value]:
        return {"arch": self.arch, "glibc": self.glibc, "packages": self.packages}


@dataclass(frozen=True)
class File:
    """One file of the bundle. ``known_by`` says who vouches for its digest."""

    path: str
    kind: str
    size: int
    sha256: str
    chunks: tuple[str, ...]
    roles: tuple[str, ...]
    source: str
    known_by: str

    @classmethod
    def read(cls, at: Place) -> "File":
        at.only("path", "kind", "size", "sha256", "chunks", "roles", "source", "known_by")
        found = cls(
            path=at.text("path"),
            kind=at.choice("kind", KINDS),
            size=at.integer("size", 0, LARGEST_FILE),
            sha256=at.matching("sha256", _DIGEST, "64 lower-case hex digits"),
            chunks=at.texts("chunks"),
            roles=at.texts("roles"),
            source=at.matching("source", ".+", "words"),
            known_by=at.choice("known_by", KNOWN_BY),
        )
        found.check(at)
        return found

    def check(self, at: Place) -> None:
        if len(self.chunks) != -(-self.size // CHUNK):
            at.fail("chunks", f"{len(self.chunks)} digests for {self.size} bytes")
        if len(self.chunks) == 1 and self.chunks[0] != self.sha256:
            at.fail("chunks", "the only chunk differs from the file's sha256")
        for chunk in self.chunks:
            if len(chunk) != len(self.sha256) or set(chunk) - set("0123456789abcdef"):
                at.fail("chunks", "not 64 lower-case hex digits each")
        if not self.roles or tuple(r for r in ROLES if r in self.roles) != self.roles:
            at.fail("roles", f"not a choice of {', '.join(ROLES)} in that order")

    def document(self) -> dict[str, Value]:
        return {
            "path": self.path,
            "kind": self.kind,
            "size": self.size,
            "sha256": self.sha256,
            "chunks": list(self.chunks),
            "roles": list(self.roles),
            "source": self.source,
            "known_by": self.known_by,
        }

    def chunk_length(self, number: int) -> int:
        return min(CHUNK, self.size - number * CHUNK)


@dataclass(frozen=True)
class Index:
    """All of bundle.json. Components that are None are not in the bundle; the node must have them."""

    name: str
    version: str
    sequence: int
    target: Target
    cluster: ClusterSettings
    serve: ServeSettings
    packages: Packages | None
    driver: Driver | None
    docker: Docker | None
    toolkit: Toolkit | None
    image: Image
    model: Model
    files: tuple[File, ...]

    def of_kind(self, kind: str) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.kind == kind)

    def only(self, kind: str) -> File:
        (file,) = self.of_kind(kind)
        return file

    @property
    def model_digest(self) -> str:
        """Of what `sha256sum` would say of the model's files, ascending by path: the same model has the same."""
        files = sorted(self.of_kind("model"), key=lambda file: file.path)
        listed = "".join(f"{file.sha256}  {file.path}\n" for file in files)
        return hashlib.sha256(listed.encode()).hexdigest()

    def for_role(self, role: str) -> tuple[File, ...]:
        return tuple(file for file in self.files if role in file.roles)


def parse_index(data: bytes) -> Index:
    at = Place.of(parse_json(data, INDEX_NAME), "")
    _check_format(at)
    at.only(*_KEYS)
    index = Index(
        name=read_name(at),
        version=at.matching("version", ".+", "words"),
        sequence=read_sequence(at),
        target=Target.read(at.inside("target")),
        cluster=ClusterSettings.read(at.inside("cluster")),
        serve=ServeSettings.read(at.inside("serve")),
        packages=Packages.read(at.inside("packages")) if at.has("packages") else None,
        driver=Driver.read(at.inside("driver")) if at.has("driver") else None,
        docker=Docker.read(at.inside("docker")) if at.has("docker") else None,
        toolkit=Toolkit.read(at.inside("toolkit")) if at.has("toolkit") else None,
        image=Image.read(at.inside("image")),
        model=Model.read(at.inside("model")),
        files=tuple(File.read(file) for file in at.each("files")),
    )
    _check_files(index)
    return index


def render_index(index: Index) -> bytes:
    """The same index is always the same bytes."""
    components: Mapping[str, Packages | Driver | Docker | Toolkit | None] = {
        "packages": index.packages,
        "driver": index.driver,
        "docker": index.docker,
        "toolkit": index.toolkit,
    }
    document: dict[str, Value] = {
        "format": FORMAT,
        "name": index.name,
        "version": index.version,
        "sequence": index.sequence,
        "target": index.target.document(),
        "cluster": index.cluster.document(),
        "serve": index.serve.document(),
        **{name: part.document() for name, part in components.items() if part is not None},
        "image": index.image.document(),
        "model": index.model.document(),
        "files": [file.document() for file in index.files],
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"


def read_name(at: Place) -> str:
    return at.matching("name", r"[a-z0-9][a-z0-9.-]{0,62}", "a name of a-z, 0-9, dot and dash")


def read_sequence(at: Place) -> int:
    return at.integer("sequence", 1, 2**31)


def _check_format(at: Place) -> None:
    found = at.integer("format", 0, 2**31)
    if found != FORMAT:
        at.fail("format", f"{found} is not {FORMAT}", hint="use the vllm-airgap that made this bundle")


def _check_files(index: Index) -> None:
    check_names(file.path for file in index.files)
    if [f.path for f in index.files] != sorted(f.path for f in index.files):
        raise MalformedError("files: not in ascending order")
    for role in ROLES:
        kinds = [file.kind for file in index.for_role(role)]
        for kind in _NEEDED_KINDS:
            if kind not in kinds:
                raise MalformedError(f"files: none of kind {kind} for role {role}")
    for kind in _SINGLE_KINDS:
        if len(index.of_kind(kind)) > 1:
            raise MalformedError(f"files: more than one of kind {kind}")
    parts = {"package": index.packages, "driver": index.driver, "docker": index.docker, "toolkit": index.toolkit}
    for kind, part in parts.items():
        if bool(index.of_kind(kind)) != (part is not None):
            raise MalformedError(f"{kind}: section and files do not go together")
    _check_places(index)


def _check_places(index: Index) -> None:
    """A file stands where its kind says: the steps look there and nowhere else."""
    folders = {kind: f"{name}/" for kind, name in FOLDERS.items()} | {"model": f"model/{index.model.name}/"}
    for file in index.files:
        folder = folders.get(file.kind, "")
        if not file.path.startswith(folder):
            raise MalformedError(f"files: {file.path} is not below {folder}")
    if index.only("launcher").path != LAUNCHER_NAME or index.only("runtime").path != RUNTIME_NAME:
        raise MalformedError(f"files: launcher and runtime are not {LAUNCHER_NAME} and {RUNTIME_NAME}")
    toolkit = [package.path for package in index.toolkit.packages] if index.toolkit else []
    _check_listed("toolkit", toolkit, index)
    extra = [package.path for package in index.packages.packages] if index.packages else []
    _check_listed("package", extra, index)


def _check_listed(kind: str, paths: list[str], index: Index) -> None:
    """A section about packages names each file of its kind, once."""
    if sorted(paths) != sorted(file.path for file in index.of_kind(kind)):
        raise MalformedError(f"{kind}: its packages are not the files of that kind")
