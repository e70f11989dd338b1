"""What rules look at: the manifest, and as much of its lock and of the bytes as there is yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.backend import choose_backend
from bundler.cache import Cache
from bundler.findings import Finding
from bundler.lint.cached import Places, cached_places, hashed_places
from bundler.lint.image_facts import ImageFacts, locked_facts, tagged_facts
from bundler.lint.model_config import read_config
from bundler.lock import Backend, Lock, LockedFile
from bundler.manifest import Manifest
from bundler.model_rules import Files, model_problems
from bundler.packages.closure import Bundled
from bundler.packages.reading import read_package
from bundler.resolve import stale_parts
from bundler.sources.model.directory import list_files
from installer.errors import AirgapError
from installer.index.components import Image, Packages, Toolkit
from installer.index.gpus import GPUS, Gpu
from installer.index.model_shape import ModelShape
from installer.index.serve_options import option_value


@dataclass(frozen=True)
class Case:
    """``model`` maps a name in the model to where it lies, None where that is not here; itself None if not known.

    ``packages`` are those whose files are here, of the manifest's and of the toolkit.
    """

    manifest: Manifest
    lock: Lock | None
    image: ImageFacts
    model: Files | None
    model_problem: AirgapError | None
    config: ModelShape | None
    packages: tuple[Bundled, ...]

    @property
    def backend(self) -> Backend | None:
        """What a build would choose; None as long as nothing is known of the image."""
        cluster = self.manifest.cluster
        if not self.image.known_by:
            return None
        found = choose_backend(cluster.backend, cluster.nodes, self.image.versions)
        is_guess = self.image.known_by == "tag" and cluster.backend == "auto"
        return replace(found, reason=f"{found.reason}, judged by the tag") if is_guess else found

    @property
    def gpu(self) -> Gpu | None:
        return GPUS.get(self.manifest.cluster.gpu)

    def asked(self, *options: str) -> str:
        """The value that serve.args give the first of ``options`` that stands there; "" if none does."""
        return next(filter(None, (option_value(self.manifest.serve.args, option) for option in options)), "")


Rule = Callable[[Case], Iterator[Finding]]
Rules = Mapping[str, Rule]  # by name


def before_build(manifest: Manifest, lock: Lock | None, cache: Cache) -> Case:
    """With the bytes that lie in ``cache`` or, of a model folder, in place."""
    files = lock.files if lock else ()
    places = cached_places(files, cache)
    if manifest.model.source == "directory":
        try:
            return _case(manifest, lock, places, list_files(manifest.model_folder))
        except AirgapError as problem:
            return _case(manifest, lock, places, None, problem)
    model = _locked_model(manifest, lock, places)
    if model and any(model_problems(model, manifest.model.allow)):
        model = _locked_model(manifest, lock, hashed_places(files, cache))
    return _case(manifest, lock, places, model)


def before_seal(manifest: Manifest, lock: Lock, folder: Path) -> Case:
    """With the bytes of the bundle that stands whole in ``folder``."""
    places = {file.path: folder / file.path for file in lock.files}.get
    return _case(manifest, lock, places, _locked_model(manifest, lock, places))


def _case(
    manifest: Manifest,
    lock: Lock | None,
    places: Places,
    model: Files | None,
    model_problem: AirgapError | None = None,
) -> Case:
    return Case(
        manifest=manifest,
        lock=lock,
        image=_image_facts(manifest, lock, places),
        model=model,
        model_problem=model_problem,
        config=read_config(model.get("config.json") if model else None),
        packages=tuple(_packages(manifest, lock, places)),
    )


def _image_facts(manifest: Manifest, lock: Lock | None, places: Places) -> ImageFacts:
    image = lock.component(Image) if lock and "image" not in stale_parts(manifest, lock) else None
    if image is None:
        return tagged_facts(manifest.image.ref)
    return locked_facts(image, places(f"image/blobs/sha256/{image.config.removeprefix('sha256:')}"))


def _packages(manifest: Manifest, lock: Lock | None, places: Places) -> Iterator[Bundled]:
    for path, kernels in _listed(manifest, lock) if lock else ():
        if place := places(path):
            yield Bundled(path, read_package(place, path), kernels)


def _listed(manifest: Manifest, lock: Lock) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Path and kernels of each, also of the toolkit's: a node gets all of them."""
    stale = stale_parts(manifest, lock)
    if "packages" not in stale and (extra := lock.component(Packages)):
        yield from ((package.path, package.kernels) for package in extra.packages)
    if "toolkit" not in stale and (toolkit := lock.component(Toolkit)):
        yield from ((package.path, ()) for package in toolkit.packages)


def _locked_model(manifest: Manifest, lock: Lock | None, places: Places) -> Files | None:
    if lock is None or "model" in stale_parts(manifest, lock):
        return None
    return {_name(manifest, file): places(file.path) for file in lock.parts["model"].files}


def _name(manifest: Manifest, file: LockedFile) -> str:
    return file.path.removeprefix(f"model/{manifest.model.name}/")
