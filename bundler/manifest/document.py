"""A whole manifest: its parts together, and where it lies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bundler.manifest.parts import DownloadSpec, FileSpec, ImageSpec, ModelSpec, PackageSpec, RuntimeSpec
from bundler.manifest.patient import PatientPlace
from bundler.manifest.remedies import remedy
from bundler.manifest.written_yaml import LARGEST_MANIFEST, parse_yaml
from bundler.several_errors import SeveralError
from installer.errors import MalformedError, UsageError
from installer.index.document import Target, read_name, read_sequence
from installer.index.names import check_names
from installer.index.settings import BACKENDS, ClusterSettings, ServeSettings, check_ports
from installer.index.strict import WrittenPlace

FORMAT = 1
_KEYS = tuple(
    "format name version sequence target runtime driver docker toolkit packages image model files cluster serve".split()
)
_COMPARE = "`bundle init FILE` writes a commented manifest to compare with"
_SHAPES = (": missing", ": not a mapping", ": not a list", ": not a list of text", ": not text")
_BACKENDS = ("auto", *BACKENDS)


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
        cluster = ClusterSettings.read(_section(at, "cluster"), backends=_BACKENDS)
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
    """UsageError for what is wrong in it, SeveralError for all of it where that is more than one thing."""
    try:
        at = PatientPlace.of(parse_yaml(data), "")
        _look_through(at, path.parent)
        if not at.mistakes:
            return Manifest.read(WrittenPlace(at.values, ""), path)
        found = tuple(
            UsageError(str(error), hint=error.hint or remedy(at.values, place)) for place, error in at.mistakes.items()
        )
    except UsageError as error:
        found = (error,)
    last = max((number for number, error in enumerate(found) if _is_of_shape(error)), default=-1)
    hints = (_COMPARE if number == last else error.hint for number, error in enumerate(found))
    errors = [UsageError(f"{path}: {error}", hint=hint) for error, hint in zip(found, hints, strict=True)]
    raise errors[0] if len(errors) == 1 else SeveralError(errors)


def _is_of_shape(error: UsageError) -> bool:
    """Whether keys and their nesting are wrong, which a look at another manifest shows."""
    return not error.hint and str(error).endswith(_SHAPES)


def _look_through(at: PatientPlace, folder: Path) -> None:
    """All that `Manifest.read` reads, section by section; how they go together is seen once each is right."""
    needed: dict[str, Callable[[WrittenPlace], object]] = {
        "image": ImageSpec.read,
        "model": partial(ModelSpec.read, folder=folder),
    }
    optional: dict[str, Callable[[WrittenPlace], object]] = {
        "target": Target.read,
        "runtime": RuntimeSpec.read,
        "driver": DownloadSpec.read,
        "docker": DownloadSpec.read,
        "toolkit": DownloadSpec.read,
        "cluster": partial(ClusterSettings.read, backends=_BACKENDS),
        "serve": partial(ServeSettings.read, name="model"),
    }
    at.only(*_KEYS)
    at.integer("format", FORMAT, FORMAT, FORMAT)
    at.text("version", "1")
    read_name(at)
    if at.has("sequence"):
        read_sequence(at)
    for key, read in (needed | {key: read for key, read in optional.items() if at.has(key)}).items():
        with at.section():
            read(at.inside(key))
    _look_through_lists(at)


def _look_through_lists(at: PatientPlace) -> None:
    lists: dict[str, Callable[[WrittenPlace], object]] = {"packages": PackageSpec.read, "files": FileSpec.read}
    for key, read in lists.items():
        with at.section():
            for item in at.each(key) if at.has(key) else ():
                with at.section():
                    read(item)


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
