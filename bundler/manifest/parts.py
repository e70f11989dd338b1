"""What the manifest says of each part of a bundle, typed and checked on its own."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from installer.errors import printable
from installer.index.components import Model, read_model_opt_ins, read_version
from installer.index.names import name_problem
from installer.index.strict import WrittenPlace

URL_SCHEMES = ("https", "http", "file")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_DIGEST = r"[0-9a-f]{64}"
_DIGEST_MEANING = "64 lower-case hex digits"
_REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}"
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?"
_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REVISION = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}"
_KERNEL = r"[0-9][0-9A-Za-z.+~_-]{0,127}"
_DEFAULT_REVISIONS: Mapping[str, str] = {"huggingface": "main", "modelscope": "master"}
_DOWNLOAD_IT = "download it; `url` may be a path"
_HUB_KEYS = ("repo", "revision", "endpoint", "include", "exclude")


@dataclass(frozen=True)
class DownloadSpec:
    """A file of a publisher. ``url`` "" is where the publisher keeps this version; it may be a path, too."""

    version: str
    url: str
    sha256: str

    @classmethod
    def read(cls, at: WrittenPlace) -> "DownloadSpec":
        at.only("version", "url", "sha256")
        return cls(version=read_version(at), url=_read_url(at) if at.has("url") else "", sha256=_read_digest(at))


@dataclass(frozen=True)
class RuntimeSpec:
    """Which Python travels with the bundle: ``host`` is the one that runs the build, ``standalone`` a portable one."""

    source: str
    python: str = ""

    @classmethod
    def read(cls, at: WrittenPlace) -> "RuntimeSpec":
        source = at.choice("source", ("host", "standalone"), "host")
        at.only(*(("source", "python") if source == "standalone" else ("source",)))
        return cls(source, at.choice("python", PYTHONS, "3.12") if source == "standalone" else "")


@dataclass(frozen=True)
class PackageSpec:
    """A package file that nodes lack. ``kernels`` are the releases (uname -r) it is for; none means every node."""

    url: str
    sha256: str
    purpose: str
    kernels: tuple[str, ...]

    @classmethod
    def read(cls, at: WrittenPlace) -> "PackageSpec":
        at.only("url", "sha256", "purpose", "kernels")
        kernels = at.texts("kernels", ())
        for kernel in kernels:
            if not re.fullmatch(_KERNEL, kernel):
                at.fail("kernels", f"{printable(kernel)[:80]!r} is not a kernel release as `uname -r` prints it")
        return cls(_read_url(at), _read_digest(at), at.text("purpose", ""), kernels)


@dataclass(frozen=True)
class FileSpec:
    """One more file for the container, such as a vocabulary; ``name`` is its path below /files there."""

    url: str
    sha256: str
    name: str
    purpose: str

    @classmethod
    def read(cls, at: WrittenPlace) -> "FileSpec":
        at.only("url", "sha256", "name", "purpose")
        name = at.text("name")
        if problem := name_problem(name):
            at.fail("name", problem)
        return cls(_read_url(at), _read_digest(at), name, at.text("purpose", ""))


@dataclass(frozen=True)
class ImageSpec:
    """The vLLM image, by a name that its source knows. ``path`` is that of an archive made by `docker save`."""

    ref: str
    source: str
    mirrors: tuple[str, ...] = ()
    path: str = ""

    @classmethod
    def read(cls, at: WrittenPlace) -> "ImageSpec":
        source = at.choice("source", ("registry", "docker", "file"), "docker")
        own = {"registry": ("mirrors",), "file": ("path",)}.get(source, ())
        at.only("ref", "source", *own)
        mirrors = at.texts("mirrors", ())
        for mirror in mirrors:
            if not re.fullmatch(_HOST, mirror):
                at.fail("mirrors", f"{printable(mirror)[:80]!r} is not HOST or HOST:PORT")
        return cls(
            ref=at.matching("ref", _REFERENCE, "an image reference"),
            source=source,
            mirrors=mirrors,
            path=at.text("path") if source == "file" else "",
        )


@dataclass(frozen=True)
class ModelSpec:
    """The model: a folder (``path``) or a hub's ``repo`` at ``revision``, "" where the other one is meant.

    ``endpoint`` "" is the hub's own address, ``include`` () its default choice. ``sha256`` holds digests the person
    trusts already; ``allow`` names what else may be in it.
    """

    source: str
    path: str
    name: str
    sha256: Mapping[str, str]
    allow: tuple[str, ...]
    repo: str = ""
    revision: str = ""
    endpoint: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def read(cls, at: WrittenPlace, folder: Path) -> "ModelSpec":
        source = at.choice("source", ("directory", *_DEFAULT_REVISIONS), "directory")
        own = ("path",) if source == "directory" else _HUB_KEYS
        at.only("source", *own, "name", "sha256", "allow")
        path = at.text("path") if source == "directory" else ""
        repo = "" if path else at.matching("repo", _REPOSITORY, "OWNER/NAME")
        return cls(
            source=source,
            path=path,
            repo=repo,
            revision=_read_revision(at, source) if repo else "",
            endpoint=_read_endpoint(at) if at.has("endpoint") else "",
            name=_read_model_name(at, Path(os.path.normpath(folder.absolute() / (path or repo))).name),
            include=at.texts("include", ()),
            exclude=at.texts("exclude", ()),
            sha256=_read_digests(at),
            allow=read_model_opt_ins(at),
        )


def _read_digest(at: WrittenPlace) -> str:
    return at.matching("sha256", _DIGEST, _DIGEST_MEANING) if at.has("sha256") else ""


def _read_url(at: WrittenPlace) -> str:
    url = at.text("url")
    if "://" not in url:
        return url
    parts = _split(at, "url", url)
    if parts.scheme not in URL_SCHEMES:
        at.fail("url", f"{parts.scheme}:// is not one of {', '.join(URL_SCHEMES)}, nor a path")
    if parts.username is not None:
        at.fail(
            "url",
            "holds a user name, which would travel in the bundle",
            hint=_DOWNLOAD_IT,
        )
    _refuse_query(at, "url", url, _DOWNLOAD_IT)
    return url


def _read_endpoint(at: WrittenPlace) -> str:
    url = at.text("endpoint").rstrip("/")
    parts = _split(at, "endpoint", url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        at.fail("endpoint", "not the https address of a hub")
    if parts.username is not None:
        at.fail("endpoint", "holds a user name, which would travel in the bundle", hint="set a token variable")
    _refuse_query(at, "endpoint", url, "set a token variable")
    return url


def _split(at: WrittenPlace, key: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        at.fail(key, "not a URL")


def _refuse_query(at: WrittenPlace, key: str, url: str, hint: str) -> None:
    """It may be what a link lets its bearer in by, and lock and bundle would show it to everybody."""
    if "?" in url or "#" in url:
        at.fail(key, "holds a query or a fragment (what follows ? or #), which would travel in the bundle", hint=hint)


def _read_revision(at: WrittenPlace, source: str) -> str:
    revision = at.matching("revision", _REVISION, "a branch, tag or commit", _DEFAULT_REVISIONS[source])
    if ".." in revision:
        at.fail("revision", "not a branch, tag or commit")
    return revision


def _read_model_name(at: WrittenPlace, default: str) -> str:
    return Model.read(WrittenPlace({"name": at.text("name", default)}, at.path)).name


def _read_digests(at: WrittenPlace) -> dict[str, str]:
    found = at.texts_by_name("sha256")
    for name in found:
        at.inside("sha256").matching(name, _DIGEST, _DIGEST_MEANING)
    return found
