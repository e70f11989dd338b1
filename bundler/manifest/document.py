"""A whole manifest: its parts together, and where it lies."""

from dataclasses import dataclass
from pathlib import Path

from bundler.manifest.parts import DownloadSpec, FileSpec, ImageSpec, ModelSpec, PackageSpec, RuntimeSpec
from bundler.manifest.written_yaml import LARGEST_MANIFEST, parse_yaml
from installer.errors import MalformedError, UsageError
from installer.index.document import Target, read_name, read_sequence
from installer.index.names import check_names
from installer.index.settings import BACKENDS, ClusterSettings, ServeSettings, check_ports
from installer.index.strict import WrittenPlace

FORMAT = 1
_KEYS = tuple(
    "format name version sequence target runtime driver docker toolkit packages image model files cluster serve".split()
)


@dataclass(frozen=True)
class Manifest:
    """What a bundle shall hold. Parts that are None are left out: the nodes have them."""

    name: str
    version: str
    sequence: int
    target: Target
    runtime: RuntimeSpec
    driver: DownloadSpec | None
    docker: DownloadSpec | None
    toolkit: DownloadSpec | None
    packages: tuple[PackageSpec, ...]
    image: ImageSpec
    model: ModelSpec
    files: tuple[FileSpec, ...]
    cluster: ClusterSettings
    serve: ServeSettings
    path: Path

    @classmethod
    def read(cls, at: WrittenPlace, path: Path) -> "Manifest":
        at.only(*_KEYS)
        at.integer("format", FORMAT, FORMAT, FORMAT)
        sequence = read_sequence(at) if at.has("sequence") else 1
        model = ModelSpec.read(at.inside("model"), path.parent)
        cluster = ClusterSettings.read(_section(at, "cluster"), backends=("auto", *BACKENDS))
        serve = ServeSettings.read(_section(at, "serve"), name=model.name)
        check_ports(at, cluster, serve)
        return cls(
            name=read_name(at),
            version=at.text("version", str(sequence)),
            sequence=sequence,
            target=Target.read(_section(at, "target")),
            runtime=RuntimeSpec.read(_section(at, "runtime")),
            driver=_read_download(at, "driver"),
            docker=_read_download(at, "docker"),
            toolkit=_read_download(at, "toolkit"),
            packages=tuple(PackageSpec.read(item) for item in at.each("packages")) if at.has("packages") else (),
            image=ImageSpec.read(at.inside("image")),
            model=model,
            files=_read_files(at),
            cluster=cluster,
            serve=serve,
            path=path,
        )

    @property
    def folder(self) -> Path:
        """What relative paths start from."""
        return self.path.parent

    @property
    def model_folder(self) -> Path:
        return self.folder / self.model.path


def read_manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", hint="name a manifest; `bundle init FILE` writes a first one"
        ) from error
    return parse_manifest(data, path)


def parse_manifest(data: bytes, path: Path) -> Manifest:
    try:
        document = parse_yaml(data)
        return Manifest.read(WrittenPlace.of(document, ""), path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}", hint=error.hint) from error


def _section(at: WrittenPlace, key: str) -> WrittenPlace:
    return at.inside(key) if at.has(key) else WrittenPlace({}, key)


def _read_download(at: WrittenPlace, key: str) -> DownloadSpec | None:
    return DownloadSpec.read(at.inside(key)) if at.has(key) else None


def _read_files(at: WrittenPlace) -> tuple[FileSpec, ...]:
    files = tuple(FileSpec.read(item) for item in at.each("files")) if at.has("files") else ()
    try:
        check_names([file.name for file in files])
    except MalformedError as error:
        at.fail("files", str(error))
    return files
