"""Each part of a manifest from its source. A source is asked only for a part that the manifest has."""

from typing import Final

from bundler.lock import LockedFile
from bundler.manifest import DownloadSpec, Manifest
from bundler.sources import docker_programs, toolkit_packages, url
from bundler.sources.image.docker import take_image
from bundler.sources.model import directory
from bundler.sources.runtime.host import pack_host
from bundler.workplace import Found, Sources, Workplace
from installer.errors import RefusedError
from installer.index.components import Docker, Driver, Model, Package, Toolkit

_SCRIPT = b"#!"


def find_driver(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.driver)
    taken = url.take("driver", spec, manifest.folder, work.cache, work.meter)
    with work.cache.path(taken.stored.sha256).open("rb") as file:
        if file.read(len(_SCRIPT)) != _SCRIPT:
            raise RefusedError(f"{taken.source}: not a driver's .run file", hint="a login page may have answered")
    return Found(Driver(spec.version), (_download("driver", taken),))


def find_docker(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.docker)
    taken = url.take("docker", spec, manifest.folder, work.cache, work.meter)
    binaries = docker_programs.read_binaries(work.cache.path(taken.stored.sha256), taken.name)
    return Found(Docker(spec.version, binaries), (_download("docker", taken),))


def find_toolkit(manifest: Manifest, work: Workplace) -> Found:
    spec = _given(manifest.toolkit)
    taken = url.take("toolkit", spec, manifest.folder, work.cache, work.meter)
    archive = work.cache.path(taken.stored.sha256)
    packages = toolkit_packages.take_packages(archive, taken.name, spec.version, manifest.target, work.cache)
    files = tuple(_package_file(package, taken) for package in packages)
    listed = (Package(f.path, p.name, p.version) for f, p in zip(files, packages, strict=True))
    return Found(Toolkit(spec.version, tuple(listed)), files)


def find_image(manifest: Manifest, work: Workplace) -> Found:
    locked = take_image(manifest.image.ref, work.cache, work.meter)
    return Found(locked.image, locked.files)


def find_model(manifest: Manifest, work: Workplace) -> Found:
    files = directory.take_files(manifest.model, manifest.model_folder, work.meter)
    return Found(Model(manifest.model.name), files)


def find_runtime(_manifest: Manifest, work: Workplace) -> Found:
    return Found(None, (pack_host(work.cache),))


SOURCES: Final[Sources] = {
    "runtime": find_runtime,
    "driver": find_driver,
    "docker": find_docker,
    "toolkit": find_toolkit,
    "image": find_image,
    "model": find_model,
}


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
