"""The sources of an image as a build asks them: by the manifest, and again by the lock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.fetch import fetch
from bundler.lock import Lock, Part, parse_lock, render_lock
from bundler.manifest import Manifest, parse_manifest
from bundler.sources.parts import SOURCES, find_image
from bundler.workplace import Workplace
from tests.integration.sources.image.real_registry import Registry, copy, registry, write_layout
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage

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
    found = find_image(found_in, work)
    lock = Lock({"image": Part("0" * 64, found.component, found.files)})
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


def test_an_archive_is_found_beside_the_manifest(open_registry: Registry, work: Workplace, tmp_path: Path) -> None:
    copy("--src-tls-verify=false", f"docker://{open_registry.reference(NAME)}", f"docker-archive:{tmp_path}/image.tar")
    described = manifest(tmp_path, f"{{ref: {NAME}, source: file, path: image.tar}}")
    lock = locked(described, work)
    assert {file.source for file in lock.files} == {f"file {tmp_path}/image.tar"}
