"""The sources of an image as a build asks them: by the manifest, and again by the lock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.fetch import fetch
from bundler.lock import Lock, Part, parse_lock, render_lock
from bundler.manifest import Manifest, parse_manifest
from bundler.resolve import wanted_parts
from bundler.sources.image.ray.added import add_ray
from bundler.sources.image.registry.pulling import take_image
from bundler.sources.parts import SOURCES, find_image
from bundler.wheels import Wheel
from bundler.workplace import Found, Workplace, unannounced
from tests.integration.sources.image.real_registry import Registry, copy, registry, write_layout
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage
from tests.unit.bundler.sources.image.ray.wheels_made import ray_wheel, stored

NAME = "vllm/vllm-openai:v0.7.0"


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory, image: FakeImage) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("open")
    with registry(folder) as one:
        one.push(write_layout(folder / "layout", [(image, "amd64")]), NAME)
        yield one


def manifest(folder: Path, image: str) -> Manifest:
    text = f"""\
format: 1
name: demo
image: {image}
model: {{source: directory, path: model}}
cluster: {{nodes: 1, gpus_per_node: 1}}
serve: {{tensor_parallel_size: 1}}
"""
    return parse_manifest(text.encode(), folder / "demo.yaml")


def locked(found_in: Manifest, work: Workplace) -> Lock:
    """Written and read, as between two runs."""
    return lock_of(find_image(found_in, work))


def lock_of(found: Found) -> Lock:
    lock = Lock({"image": Part("0" * 64, found.component, found.files, found.pinned)})
    return parse_lock(render_lock(lock), "demo.lock")


def test_a_lock_brings_the_same_bytes_into_an_empty_cache(
    open_registry: Registry, work: Workplace, other_work: Workplace, tmp_path: Path
) -> None:
    described = manifest(tmp_path, f"{{ref: {open_registry.reference(NAME)}, source: registry}}")
    lock = locked(described, work)
    fetch(described, lock, lock.files, SOURCES, other_work)
    for file in lock.files:
        assert work.cache.path(file.sha256).read_bytes() == other_work.cache.path(file.sha256).read_bytes()
    assert not (other_work.cache.folder / "layers").exists()


def test_a_lock_made_through_a_mirror_outlives_that_mirror(
    open_registry: Registry, work: Workplace, other_work: Workplace, tmp_path: Path
) -> None:
    mirror = open_registry.host.replace("127.0.0.1", "localhost")
    by_mirror = f"{{ref: {open_registry.reference(NAME)}, source: registry, mirrors: ['{mirror}']}}"
    lock = locked(manifest(tmp_path, by_mirror), work)
    later = manifest(tmp_path, f"{{ref: {open_registry.reference(NAME)}, source: registry}}")
    fetch(later, lock, lock.files, SOURCES, other_work)
    assert all(file.sha256 in other_work.cache for file in lock.files)


def test_what_is_locked_comes_from_a_mirror_where_the_own_registry_is_silent(
    open_registry: Registry, work: Workplace, other_work: Workplace, tmp_path: Path
) -> None:
    with registry(tmp_path / "own") as own:
        own.push(open_registry.folder / "layout", NAME)
        lock = locked(manifest(tmp_path, f"{{ref: {own.reference(NAME)}, source: registry}}"), work)
    by_mirror = f"{{ref: {own.reference(NAME)}, source: registry, mirrors: ['{open_registry.host}']}}"
    fetch(manifest(tmp_path, by_mirror), lock, lock.files, SOURCES, other_work)
    assert all(file.sha256 in other_work.cache for file in lock.files)


def test_other_mirrors_do_not_make_what_is_locked_another_image(tmp_path: Path) -> None:
    one, other, none = (
        wanted_parts(manifest(tmp_path, f"{{ref: a/b, source: registry, mirrors: {mirrors}}}"))["image"]
        for mirrors in ("[m1]", "[m2, m3]", "[]")
    )
    assert one == other == none


def test_an_image_with_an_added_ray_is_had_again_though_its_tag_moved(
    open_registry: Registry, image: FakeImage, work: Workplace, other_work: Workplace, tmp_path: Path
) -> None:
    def find_with_ray(manifest: Manifest, work: Workplace) -> Found:
        wheel = ray_wheel(tmp_path).read_bytes()
        kept = stored(work.cache, wheel)
        row = Wheel("ray", "1.0", "https://127.0.0.1:1/never-asked", kept.size, kept.sha256)
        taken = add_ray(take_image(manifest.image.ref, (), work), work, lambda _python: (row,))
        return Found(taken.image, taken.files, taken.pinned)

    open_registry.push(write_layout(tmp_path / "first", [(image, "amd64")]), "moving/ray:1")
    described = manifest(tmp_path, f"{{ref: '{open_registry.reference('moving/ray:1')}', source: registry}}")
    lock = lock_of(find_with_ray(described, work))
    newer = FakeImage(image.layers[:2], extra=image.extra)
    open_registry.push(write_layout(tmp_path / "second", [(newer, "amd64")]), "moving/ray:1")
    fetch(described, lock, lock.files, {**SOURCES, "image": unannounced(find_with_ray)}, other_work)
    for file in lock.files:
        assert work.cache.path(file.sha256).read_bytes() == other_work.cache.path(file.sha256).read_bytes()


def test_an_archive_is_found_beside_the_manifest(open_registry: Registry, work: Workplace, tmp_path: Path) -> None:
    copy("--src-tls-verify=false", f"docker://{open_registry.reference(NAME)}", f"docker-archive:{tmp_path}/image.tar")
    described = manifest(tmp_path, f"{{ref: {NAME}, source: file, path: image.tar}}")
    lock = locked(described, work)
    assert {file.source for file in lock.files} == {"file image.tar"}
