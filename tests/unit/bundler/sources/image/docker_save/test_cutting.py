import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.sources.image.docker_save.cutting import cut
from bundler.sources.image.layers.gzip_writer import BLOCK
from bundler.sources.image.layout import Parts
from installer.errors import AirgapError, DamagedError, RefusedError
from tests.unit.bundler.sources.image.docker_save.docker_streams import (
    FakeImage,
    hex_digest,
    manifest,
    pieces,
    saved_together,
    tar,
)

PACKAGES = "usr/local/lib/python3.12/dist-packages"
METADATA = tar({f"./{PACKAGES}/{name}.dist-info/METADATA": b"x" for name in ("vllm-0.32.0", "ray-2.60.0")})
LARGE = tar({"large": b"0123456789abcdef" * (3 * BLOCK // 16), "after": b"x"})
EMPTY = bytes(1024)
IMAGE = FakeImage((METADATA, LARGE, EMPTY, LARGE))
SAVED: dict[str, Callable[[FakeImage], bytes]] = {
    "docker 24": FakeImage.saved_by_24,
    "docker 25": FakeImage.saved_by_25,
    "docker 29": FakeImage.saved_by_29,
}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def unwatched(_: int) -> None:
    """As logic without a terminal reports."""


def unpacked(parts: Parts, cache: Cache) -> list[bytes]:
    return [gzip.decompress(cache.path(layer.blob.sha256).read_bytes()) for layer in parts.layers]


def aside(cache: Cache) -> list[Path]:
    return list((cache.folder / "aside").iterdir())


@pytest.mark.parametrize("by", SAVED)
def test_layers_arrive_in_order_and_the_configuration_as_it_was(cache: Cache, by: str) -> None:
    parts = cut(pieces(SAVED[by](IMAGE)), cache, unwatched)
    assert unpacked(parts, cache) == list(IMAGE.layers)
    assert [layer.diff_id for layer in parts.layers] == [f"sha256:{hex_digest(layer)}" for layer in IMAGE.layers]
    assert parts.config == IMAGE.config
    assert parts.versions == {"python": "3.12", "ray": "2.60.0", "vllm": "0.32.0"}
    assert aside(cache) == []


def test_both_layouts_of_uncompressed_layers_give_the_same(cache: Cache) -> None:
    old, new = cut(pieces(IMAGE.saved_by_24()), cache, unwatched), cut(pieces(IMAGE.saved_by_25()), cache, unwatched)
    assert old == new
    assert old.layers[1] == old.layers[3]


def test_layers_that_are_gzip_already_keep_their_bytes(cache: Cache) -> None:
    parts = cut(pieces(IMAGE.saved_by_29()), cache, unwatched)
    stored = [cache.path(layer.blob.sha256).read_bytes() for layer in parts.layers]
    assert stored == [gzip.compress(layer, mtime=1) for layer in IMAGE.layers]


def test_every_byte_of_the_layers_is_reported_once(cache: Cache) -> None:
    seen: list[int] = []
    cut(pieces(IMAGE.saved_by_25()), cache, seen.append)
    assert sum(seen) == len(METADATA) + len(LARGE) + len(EMPTY)


def test_zstd_layers_are_refused(cache: Cache) -> None:
    with pytest.raises(RefusedError, match="zstd, which docker before 23") as refused:
        cut(pieces(IMAGE.saved_with_zstd()), cache, unwatched)
    assert "gzip" in refused.value.hint


@pytest.mark.parametrize(
    "image", [FakeImage((EMPTY,), architecture="arm64"), FakeImage((EMPTY,), system="windows")], ids=["arm", "windows"]
)
def test_an_image_for_another_platform_is_refused(cache: Cache, image: FakeImage) -> None:
    with pytest.raises(RefusedError, match="the nodes are linux/amd64"):
        cut(pieces(image.saved_by_25()), cache, unwatched)


def damaged(stream: bytes, cache: Cache) -> str:
    with pytest.raises(DamagedError) as found:
        cut(pieces(stream), cache, unwatched)
    return str(found.value)


def test_a_layer_that_differs_from_the_configuration_is_damage(cache: Cache) -> None:
    stream = IMAGE.saved_by_24()
    position = stream.index(b"0123456789abcdef" * 64)
    assert "layers" in damaged(stream[:position] + b"X" + stream[position + 1 :], cache)


def test_a_configuration_that_differs_from_its_name_is_damage(cache: Cache) -> None:
    stream = IMAGE.saved_by_24().replace(b'["PATH=/bin"]', b'["PATH=/bit"]')
    assert "is not what its name says" in damaged(stream, cache)


def test_a_layer_too_many_is_damage(cache: Cache) -> None:
    config = f"{hex_digest(IMAGE.config)}.json"
    files = {config: IMAGE.config, "one/layer.tar": METADATA, "manifest.json": manifest(config, ["one/layer.tar"] * 5)}
    assert "layers" in damaged(tar(files), cache)


def test_what_the_manifest_names_must_be_there(cache: Cache) -> None:
    config = f"{hex_digest(IMAGE.config)}.json"
    assert "manifest.json is missing" in damaged(tar({config: IMAGE.config}), cache)
    named = manifest(config, ["gone/layer.tar"])
    assert "gone/layer.tar is missing" in damaged(tar({config: IMAGE.config, "manifest.json": named}), cache)
    assert ".json is missing" in damaged(tar({"manifest.json": named}), cache)


def test_a_manifest_of_two_images_is_refused_as_damage(cache: Cache) -> None:
    assert "one image" in damaged(tar({"manifest.json": b"[]"}), cache)
    assert "one image" in damaged(saved_together(IMAGE, IMAGE), cache)
    assert "not JSON" in damaged(tar({"manifest.json": b"["}), cache)
    assert "not JSON" in damaged(tar({"manifest.json": b"[" * 100_000}), cache)


def test_links_that_lead_to_each_other_end(cache: Cache) -> None:
    config = f"{hex_digest(IMAGE.config)}.json"
    files = {config: IMAGE.config, "manifest.json": manifest(config, ["a/layer.tar"])}
    links = {"a/layer.tar": "../b/layer.tar", "b/layer.tar": "../a/layer.tar"}
    assert "is missing" in damaged(tar(files, links), cache)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.95])
def test_a_stream_that_breaks_off_leaves_nothing_aside(cache: Cache, share: float) -> None:
    stream = IMAGE.saved_by_25()
    with pytest.raises(AirgapError, match="ends early"):
        cut(pieces(stream[: int(len(stream.rstrip(b"\0")) * share)]), cache, unwatched)
    assert aside(cache) == []


def test_files_that_are_no_layers_are_not_gathered_without_end(cache: Cache) -> None:
    large = b"x" * (15 << 20)
    assert "more than 67108864 bytes of documents" in damaged(
        tar({f"{number}.json": large for number in range(5)}), cache
    )
