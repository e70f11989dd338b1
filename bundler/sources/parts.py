"""Each part of a manifest from its source. A source is asked only for a part that the manifest has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bundler.http.client import Client
from bundler.http.credentials import NOBODY, Credentials
from bundler.lock import LockedFile, LockedImage
from bundler.manifest import DownloadSpec, Manifest
from bundler.sources import docker_programs, toolkit_packages, url
from bundler.sources.driver_run import check_run
from bundler.sources.extra_files import find_files
from bundler.sources.image import archive, docker
from bundler.sources.image.ray.added import with_ray_if_needed
from bundler.sources.image.registry import pulling
from bundler.sources.model import directory, huggingface, modelscope
from bundler.sources.packages import find_packages
from bundler.sources.publishers import publisher_url
from bundler.sources.runtime.host import pack_host
from bundler.sources.runtime.standalone import Pinned, pack_standalone
from bundler.sources.several import take_several
from bundler.workplace import Found, Sources, Workplace
from installer.index.components import Docker, Driver, Model, Package, Toolkit


def find_driver(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.driver)
    taken = url.take("driver", spec, manifest.folder, work)
    check_run(work.cache.path(taken.stored.sha256), taken.name, spec.version, manifest.target.arch)
    return Found(Driver(spec.version), (_download("driver", taken),))


def find_docker(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.docker)
    taken = url.take("docker", spec, manifest.folder, work)
    binaries = docker_programs.read_binaries(work.cache.path(taken.stored.sha256), taken.name)
    return Found(Docker(spec.version, binaries), (_download("docker", taken),))


def find_toolkit(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.toolkit)
    spec = replace(spec, url=spec.url or publisher_url(f"toolkit {manifest.target.packages}", spec.version))
    taken = url.take("toolkit", spec, manifest.folder, work)
    archive = work.cache.path(taken.stored.sha256)
    packages = toolkit_packages.take_packages(archive, taken.name, spec.version, manifest.target, work.cache)
    files = tuple(_package_file(package, taken) for package in packages)
    listed = (Package(f.path, p.name, p.version) for f, p in zip(files, packages, strict=True))
    return Found(Toolkit(spec.version, tuple(listed)), files)


def find_image(manifest: Manifest, work: Workplace) -> Found:
    locked = with_ray_if_needed(manifest, _take_image(manifest, work), work)
    return Found(locked.image, locked.files, locked.pinned)


def _take_image(manifest: Manifest, work: Workplace) -> LockedImage:
    spec = manifest.image
    if spec.source == "registry":
        return pulling.take_image(spec.ref, spec.mirrors, work)
    if spec.source == "file":
        return archive.take_image(spec.ref, manifest.folder / spec.path, work.cache, work.meter)
    return docker.take_image(spec.ref, work.cache, work.meter)


def find_model(manifest: Manifest, work: Workplace) -> Found:
    spec = manifest.model
    if spec.source == "huggingface":
        return huggingface.find(spec, work)
    if spec.source == "modelscope":
        return modelscope.find(spec, work)
    files = directory.take_files(spec, manifest.model_folder, work.meter)
    return Found(Model(manifest.model.name), files)


def find_runtime(manifest: Manifest, work: Workplace) -> Found:
    if manifest.runtime.source == "host":
        return Found(None, (pack_host(work.cache),))

    def fetch_one(pinned: Pinned, work: Workplace) -> Path:
        taken = url.take_url(pinned.what, pinned.url, manifest.folder, pinned.sha256, work)
        return work.cache.path(taken.sha256)

    def fetch(pinned: Sequence[Pinned]) -> Sequence[Path]:
        return take_several(fetch_one, pinned, work)

    return Found(None, (pack_standalone(manifest.runtime.python, manifest.target, fetch, work.cache),))


SOURCES: Final[Sources] = {
    "runtime": find_runtime,
    "packages": find_packages,
    "driver": find_driver,
    "docker": find_docker,
    "toolkit": find_toolkit,
    "image": find_image,
    "model": find_model,
    "files": find_files,
}


@dataclass(frozen=True)
class Servers:
    """Who is asked for the files of a part, when fetch wants what is locked, and who we are to them."""

    credentials: Credentials
    urls: Callable[[LockedFile], tuple[str, ...]]


def servers_for(manifest: Manifest, part: str, client: Client) -> Servers:
    """The mirrors of an image are today's, whichever it was locked through."""
    if part == "image" and manifest.image.source == "registry":
        endpoints = pulling.endpoints_of(manifest.image.ref, manifest.image.mirrors, client)
        return Servers(endpoints.credentials, lambda file: endpoints.blob_urls(file.sha256))
    return Servers(_credentials(manifest, part), lambda file: (file.url,))


def _credentials(manifest: Manifest, part: str) -> Credentials:
    if part == "model" and manifest.model.source == "huggingface":
        return huggingface.credentials(huggingface.choose_endpoint(manifest.model.endpoint))
    if part == "model" and manifest.model.source == "modelscope":
        return modelscope.credentials(modelscope.choose_endpoint(manifest.model.endpoint))
    return NOBODY


def _given(spec: DownloadSpec | None) -> DownloadSpec:
    if spec is None:
        raise AssertionError("a part that the manifest leaves out has no source")
    return spec


def _download(kind: str, taken: url.Taken) -> LockedFile:
    stored = taken.stored
    return LockedFile(f"{kind}/{taken.name}", kind, stored.size, stored.sha256, taken.source, taken.known_by, taken.url)


def _package_file(package: toolkit_packages.Taken, archive: url.Taken) -> LockedFile:
    return LockedFile(
        path=f"toolkit/{package.file_name}",
        kind="toolkit",
        size=package.stored.size,
        sha256=package.stored.sha256,
        source=f"{archive.source}, unpacked",
        known_by=archive.known_by,
    )
