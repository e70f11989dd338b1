"""The packages of the manifest, rpm or deb: taken, looked into, and held against each other and the target."""

from collections.abc import Sequence
from dataclasses import replace

from bundler.lock import LockedFile
from bundler.manifest import Manifest, PackageSpec
from bundler.packages.closure import Bundled, package_findings
from bundler.packages.reading import read_package
from bundler.progress import called
from bundler.sources.listed import lock_listed
from bundler.sources.runtime.glibc import target_of
from bundler.sources.several import take_several
from bundler.sources.url import last_part, take_url
from bundler.workplace import Found, Workplace
from installer.errors import UsageError
from installer.index.components import ExtraPackage, Packages


def find_packages(manifest: Manifest, work: Workplace) -> Found:
    """Raises the first error that a rule finds. Warnings are lint's to tell, once a command."""

    def take(numbered: tuple[int, PackageSpec], work: Workplace) -> tuple[Bundled, LockedFile]:
        number, spec = numbered
        return _take(f"packages[{number}]", spec, manifest, work)

    taken = take_several("packages", take, tuple(enumerate(manifest.packages)), work)
    _refuse_same([bundled.where for bundled, _ in taken])
    for finding in package_findings([bundled for bundled, _ in taken], target_of(manifest)):
        if finding.exit_code:
            raise finding.error()
    listed = (
        ExtraPackage(file.path, bundled.facts.name, bundled.facts.installed_version, spec.purpose, spec.kernels)
        for spec, (bundled, file) in zip(manifest.packages, taken, strict=True)
    )
    return Found(Packages(tuple(listed)), tuple(file for _, file in taken))


def _take(what: str, spec: PackageSpec, manifest: Manifest, work: Workplace) -> tuple[Bundled, LockedFile]:
    shown = replace(work, meter=called(work.meter, f"packages/{last_part(spec.url)}"))
    stored = take_url(what, spec.url, manifest.folder, spec.sha256, shown)
    facts = read_package(work.cache.path(stored.sha256), f"{what}: {spec.url}")
    file = lock_listed(spec, "package", f"packages/{facts.file_name}", stored)
    return Bundled(file.path, facts, spec.kernels), file


def _refuse_same(paths: Sequence[str]) -> None:
    for number, path in enumerate(paths):
        if (first := paths.index(path)) != number:
            raise UsageError(
                f"packages[{number}]: is {path.removeprefix('packages/')}, as packages[{first}] is",
                hint="leave one out; one entry may name several `kernels`",
            )
