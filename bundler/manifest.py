"""The YAML that a person writes, read strictly: every scalar is text, the schema gives it a type."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

import yaml

from installer.errors import UsageError, printable
from installer.index.components import Model, read_model_opt_ins, read_version
from installer.index.document import Target, read_name, read_sequence
from installer.index.settings import BACKENDS, ClusterSettings, ServeSettings, check_ports
from installer.index.strict import DEEPEST, Value, WrittenPlace

FORMAT = 1
LARGEST_MANIFEST = 1 << 20  # bytes
URL_SCHEMES = ("https", "http", "file")
_DIGEST = r"[0-9a-f]{64}"
_DIGEST_MEANING = "64 lower-case hex digits"
_REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}"
_KEYS = tuple(
    "format name version sequence target runtime driver docker toolkit image model cluster serve".split(),
)


class _Mark(Protocol):
    """Where in the text something stands; yaml has two classes for it."""

    line: int


@dataclass(frozen=True)
class DownloadSpec:
    """A file of a publisher. ``url`` "" is where the publisher keeps this version; it may be a path, too."""

    version: str
    url: str
    sha256: str

    @classmethod
    def read(cls, at: WrittenPlace) -> "DownloadSpec":
        at.only("version", "url", "sha256")
        return cls(
            version=read_version(at),
            url=_read_url(at) if at.has("url") else "",
            sha256=at.matching("sha256", _DIGEST, _DIGEST_MEANING) if at.has("sha256") else "",
        )


@dataclass(frozen=True)
class RuntimeSpec:
    """Which Python travels with the bundle: ``host`` is the one that runs the build."""

    source: str

    @classmethod
    def read(cls, at: WrittenPlace) -> "RuntimeSpec":
        at.only("source")
        return cls(at.choice("source", ("host",), "host"))


@dataclass(frozen=True)
class ImageSpec:
    """The vLLM image, by a name that its source knows."""

    ref: str
    source: str

    @classmethod
    def read(cls, at: WrittenPlace) -> "ImageSpec":
        at.only("ref", "source")
        return cls(at.matching("ref", _REFERENCE, "an image reference"), at.choice("source", ("docker",), "docker"))


@dataclass(frozen=True)
class ModelSpec:
    """The model. ``sha256`` holds digests the person trusts already; ``allow`` names what else may be in it."""

    source: str
    path: str
    name: str
    sha256: Mapping[str, str]
    allow: tuple[str, ...]

    @classmethod
    def read(cls, at: WrittenPlace, folder: Path) -> "ModelSpec":
        at.only("source", "path", "name", "sha256", "allow")
        path = at.text("path")
        return cls(
            source=at.choice("source", ("directory",), "directory"),
            path=path,
            name=_read_model_name(at, Path(os.path.normpath(folder.absolute() / path)).name),
            sha256=_read_digests(at),
            allow=read_model_opt_ins(at),
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
    image: ImageSpec
    model: ModelSpec
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
            image=ImageSpec.read(at.inside("image")),
            model=model,
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


def parse_yaml(data: bytes) -> Value:
    """Maps, lists and text; nothing that two readers might take differently."""
    if len(data) > LARGEST_MANIFEST:
        raise UsageError(f"larger than {LARGEST_MANIFEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start}") from None
    try:
        _refuse_surprises(text)
        return _value(yaml.compose(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError as error:
        raise UsageError(_yaml_problem(error)) from None


def _refuse_surprises(text: str) -> None:
    """Before any tree is built of it: an alias may multiply, a tag may make objects, depth may exhaust."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            _fail(event.start_mark, "anchors and aliases are not read here; write the value out")
        if getattr(event, "tag", None):
            _fail(event.start_mark, "tags are not read here; every value is text")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            _fail(event.start_mark, f"nested deeper than {DEEPEST} levels")


def _value(node: yaml.Node | None) -> Value:
    if node is None:
        return {}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    return str(node.value)


def _mapping(node: yaml.MappingNode) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            _fail(key.start_mark, "a key is not text")
        if key.value in found:
            _fail(key.start_mark, f"key {printable(key.value)[:80]!r} stands twice")
        found[key.value] = _value(value)
    return found


def _fail(mark: _Mark | None, why: str) -> NoReturn:
    raise UsageError(f"line {mark.line + 1}: {why}" if mark else why)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {printable(error.problem or 'not YAML')}"
    return printable(str(error))[:200]


def _section(at: WrittenPlace, key: str) -> WrittenPlace:
    return at.inside(key) if at.has(key) else WrittenPlace({}, key)


def _read_download(at: WrittenPlace, key: str) -> DownloadSpec | None:
    return DownloadSpec.read(at.inside(key)) if at.has(key) else None


def _read_url(at: WrittenPlace) -> str:
    url = at.text("url")
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in URL_SCHEMES:
        at.fail("url", f"{parts.scheme}:// is not one of {', '.join(URL_SCHEMES)}, nor a path")
    if parts.username is not None:
        at.fail("url", "holds a user name, which would travel in the bundle", hint="keep it in ~/.netrc")
    return url


def _read_model_name(at: WrittenPlace, default: str) -> str:
    return Model.read(WrittenPlace({"name": at.text("name", default)}, at.path)).name


def _read_digests(at: WrittenPlace) -> dict[str, str]:
    found = at.texts_by_name("sha256")
    for name in found:
        at.inside("sha256").matching(name, _DIGEST, _DIGEST_MEANING)
    return found
