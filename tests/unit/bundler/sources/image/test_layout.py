import hashlib
import json
from pathlib import Path

import pytest

from bundler.cache import Cache, Stored
from bundler.lock import LockedImage
from bundler.sources.image.layout import Layer, Origin, Parts, lay_out
from installer.index.components import Image
from installer.index.names import check_names
from installer.index.strict import Place

ORIGIN = Origin("vllm/vllm-openai:v0.6.4", "docker image vllm/vllm-openai:v0.6.4", "first use")
CONFIG = (
    b'{"os": "linux",\t"architecture": "amd64", "config": {"Entrypoint": ["vllm", "serve"]}, '
    b'"rootfs": {"diff_ids": []}}'
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def store(cache: Cache, data: bytes) -> Stored:
    with cache.writer() as file:
        file.write(data)
        return file.keep()


def laid_out(cache: Cache, config: bytes = CONFIG) -> LockedImage:
    one, two = store(cache, b"one"), store(cache, b"two")
    layers = (Layer("sha256:" + "1" * 64, one), Layer("sha256:" + "2" * 64, two), Layer("sha256:" + "1" * 64, one))
    return lay_out(Parts(config, layers, {"vllm": "0.6.4"}), ORIGIN, cache)


def contents(image: LockedImage, cache: Cache) -> dict[str, bytes]:
    return {file.path: cache.path(file.sha256).read_bytes() for file in image.files}


def test_the_files_are_in_the_cache_and_named_as_a_bundle_names_them(cache: Cache) -> None:
    image = laid_out(cache)
    check_names(file.path for file in image.files)
    assert [file.path for file in image.files] == sorted({file.path for file in image.files})
    for file in image.files:
        data = cache.path(file.sha256).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert (file.kind, file.source, file.known_by) == ("image", ORIGIN.source, "first use")


def test_blobs_are_named_by_their_digest(cache: Cache) -> None:
    blobs = [file for file in laid_out(cache).files if "/blobs/" in file.path]
    assert len(blobs) == 4
    assert all(file.path == f"image/blobs/sha256/{file.sha256}" for file in blobs)


def test_what_it_runs_and_where_is_that_of_its_configuration(cache: Cache) -> None:
    image = laid_out(cache).image
    assert (image.entrypoint, image.architecture) == (("vllm", "serve"), "amd64")


@pytest.mark.parametrize(
    ("told", "created"),
    [
        ('"2026-11-20T10:11:12.123456789Z"', "2026-11-20T10:11:12Z"),
        ('"2026-11-20T10:11:12+08:00"', "2026-11-20T02:11:12Z"),
        ('"2026-11-20T10:11:12Z"', "2026-11-20T10:11:12Z"),
        ('"0001-01-01T00:00:00Z"', ""),
        ('"1970-01-01T00:00:00Z"', ""),
        ('"0001-01-01T00:00:00+08:00"', ""),
        ('"2026-13-40T10:11:12Z"', ""),
        ('"yesterday"', ""),
        ("5", ""),
        ("null", ""),
    ],
)
def test_when_it_was_made_is_what_its_configuration_says(cache: Cache, told: str, created: str) -> None:
    """No clock is read, so that the same image always gives the same bundle."""
    image = laid_out(cache, CONFIG.replace(b"{", f'{{"created": {told}, '.encode(), 1)).image
    assert image.created == created
    assert Image.read(Place.of(json.loads(json.dumps(image.document())), "image")) == image


def test_an_entrypoint_of_several_lines_is_told_in_one(cache: Cache) -> None:
    entrypoint = json.dumps(["sh", "-c", "one\ntwo" + "x" * 10_000])
    config = CONFIG.replace(b'["vllm", "serve"]', entrypoint.encode())
    image = laid_out(cache, config).image
    assert Image.read(Place.of(json.loads(json.dumps(image.document())), "image")) == image


def test_the_configuration_keeps_its_bytes_so_that_the_image_keeps_its_id(cache: Cache) -> None:
    image = laid_out(cache)
    digest = hashlib.sha256(CONFIG).hexdigest()
    assert image.image.config == f"sha256:{digest}"
    assert contents(image, cache)[f"image/blobs/sha256/{digest}"] == CONFIG


def test_index_manifest_and_blobs_lead_to_one_another(cache: Cache) -> None:
    image = laid_out(cache)
    files = contents(image, cache)
    (listed,) = json.loads(files["image/index.json"])["manifests"]
    assert listed["digest"] == image.image.manifest
    data = files[f"image/blobs/{listed['digest'].replace(':', '/')}"]
    assert listed["size"] == len(data)
    manifest = json.loads(data)
    assert manifest["config"]["digest"] == image.image.config
    assert [files[f"image/blobs/{layer['digest'].replace(':', '/')}"] for layer in manifest["layers"]] == [
        b"one",
        b"two",
        b"one",
    ]
    assert json.loads(files["image/oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_the_manifest_for_docker_load_names_the_same_blobs_and_no_tag(cache: Cache) -> None:
    image = laid_out(cache)
    files = contents(image, cache)
    (only,) = json.loads(files["image/manifest.json"])
    assert only["RepoTags"] is None
    assert only["Config"] == f"blobs/sha256/{image.image.config.removeprefix('sha256:')}"
    assert [files[f"image/{layer}"] for layer in only["Layers"]] == [b"one", b"two", b"one"]


def test_the_same_parts_give_the_same_files(cache: Cache) -> None:
    assert laid_out(cache) == laid_out(cache)
