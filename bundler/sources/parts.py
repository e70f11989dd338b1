"""Each part of a manifest from its source. A source is asked only for a part that the manifest has."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bundler.http.client import Client
from bundler.http.credentials import NOBODY, Credentials
from bundler.lock import LockedFile, LockedImage
from bundler.manifest import DownloadSpec, Manifest
from bundler.needs import Coming, in_cache
from bundler.sources import docker_programs, toolkit_packages, url
from bundler.sources.driver_run import check_run
from bundler.sources.extra_files import find_files
from bundler.sources.image import archive, docker
from bundler.sources.image.ray.added import with_ray_if_needed
from bundler.sources.image.registry import pulling
from bundler.sources.model import directory, huggingface, modelscope
from bundler.sources.packages import find_packages
from bundler.sources.publishers import published
from bundler.sources.runtime.glibc import target_of
from bundler.sources.runtime.host import pack_host
from bundler.sources.runtime.stage import MOST_PACKED, room_to_unpack
from bundler.sources.runtime.standalone import Pinned, pack_standalone
from bundler.sources.several import take_several
from bundler.space import demand_room
from bundler.workplace import Announced, Find, Found, Source, Sources, Workplace
from installer.index.components import Docker, Driver, Model, Package, Toolkit
from installer.index.document import RUNTIME_NAME


def find_driver(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.driver)
    taken = url.take("driver", spec, published("driver", spec.version), manifest.folder, work)
    again = f"bundle lock {manifest.path} --update driver"
    check_run(work.cache.path(taken.stored.sha256), taken.name, spec.version, manifest.target.arch, again)
    return Found(Driver(spec.version), (_download("driver", taken),))


def find_docker(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.docker)
    taken = url.take("docker", spec, published("docker", spec.version), manifest.folder, work)
    binaries = docker_programs.read_binaries(work.cache.path(taken.stored.sha256), taken.name)
    return Found(Docker(spec.version, binaries), (_download("docker", taken),))


def find_toolkit(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.toolkit)
    archive = published(f"toolkit {manifest.target.packages}", spec.version)
    return packages_of(url.take("toolkit", spec, archive, manifest.folder, work), manifest, work)


def packages_of(taken: url.Taken, manifest: Manifest, work: Workplace) -> Found:
    """What the nodes need of the toolkit's archive, known by whoever knew the archive."""
    version = _given(manifest.toolkit).version
    archive = work.cache.path(taken.stored.sha256)
    demand_room((in_cache(work.cache, taken.stored.size, f"what is in {taken.name}"),))
    packages = toolkit_packages.take_packages(archive, taken.name, version, target_of(manifest), work.cache)
    files = tuple(_package_file(package, taken) for package in packages)
    listed = (Package(f.path, p.name, p.version) for f, p in zip(files, packages, strict=True))
    return Found(Toolkit(version, tuple(listed)), files)


def announce_image(manifest: Manifest, work: Workplace) -> Announced:
    spec = manifest.image
    if spec.source == "registry":
        told = pulling.ask_image(spec.ref, spec.mirrors, work)
        return Announced(lambda: _with_ray(manifest, told.take(), work), told.blobs)
    if spec.source == "file":
        return Announced(
            lambda: _with_ray(manifest, archive.take_image(spec, manifest.folder, work.cache, work.meter), work),
            archive.announce(spec, manifest.folder, work.cache),
        )
    return Announced(
        lambda: _with_ray(manifest, docker.take_image(spec.ref, work.cache, work.meter), work),
        docker.announce(spec.ref, work.cache),
    )


def find_image(manifest: Manifest, work: Workplace) -> Found:
    return announce_image(manifest, work).take()


def _with_ray(manifest: Manifest, taken: LockedImage, work: Workplace) -> Found:
    locked = with_ray_if_needed(manifest, taken, work)
    return Found(locked.image, locked.files, locked.pinned)


def announce_model(manifest: Manifest, work: Workplace) -> Announced:
    """What lies in a folder stays there."""
    spec = manifest.model
    if spec.source == "huggingface":
        return huggingface.announce_model(spec, work)
    if spec.source == "modelscope":
        return modelscope.announce_model(spec, work)
    return Announced(partial(_find_in_folder, manifest, work))


def _find_in_folder(manifest: Manifest, work: Workplace) -> Found:
    files = directory.take_files(manifest.model, manifest.model_folder, work.meter)
    return Found(Model(manifest.model.name), files)


def announce_runtime(manifest: Manifest, work: Workplace) -> Announced:
    """Made of little, and put together in the folder for what is temporary."""
    coming = Coming(RUNTIME_NAME, MOST_PACKED)
    return Announced(partial(find_runtime, manifest, work), files=(coming,), needs=room_to_unpack())


def find_runtime(manifest: Manifest, work: Workplace) -> Found:
    if manifest.runtime.source == "host":
        return Found(None, (pack_host(work.cache, work.tell),))

    def fetch_one(pinned: Pinned, work: Workplace) -> Path:
        taken = url.take_url(pinned.what, pinned.url, manifest.folder, pinned.sha256, work)
        return work.cache.path(taken.sha256)

    def fetch(pinned: Sequence[Pinned]) -> Sequence[Path]:
        return take_several("runtime", fetch_one, pinned, work)

    return Found(None, (pack_standalone(manifest.runtime.python, manifest.target, fetch, work.cache, work.tell),))


def _with_local_files(find: Find, urls: Callable[[Manifest], Iterable[str]]) -> Source:
    """What lies on this machine has a size; that of what does not, its server tells as it comes."""

    def listing(manifest: Manifest, work: Workplace) -> Announced:
        copied = url.to_be_copied(urls(manifest), manifest.folder, work.cache)
        return Announced(partial(find, manifest, work), copied)

    return listing


SOURCES: Final[Sources] = {
    "runtime": announce_runtime,
    "packages": _with_local_files(find_packages, lambda manifest: [spec.url for spec in manifest.packages]),
    "driver": _with_local_files(find_driver, lambda manifest: [_given(manifest.driver).url]),
    "docker": _with_local_files(find_docker, lambda manifest: [_given(manifest.docker).url]),
    "toolkit": _with_local_files(find_toolkit, lambda manifest: [_given(manifest.toolkit).url]),
    "image": announce_image,
    "model": announce_model,
    "files": _with_local_files(find_files, lambda manifest: [spec.url for spec in manifest.files]),
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
