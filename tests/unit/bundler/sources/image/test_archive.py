import gzip
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.progress import unwatched
from bundler.sources.image.archive import take_image
from bundler.sources.image.docker_save.cutting import cut
from installer.errors import AirgapError, DamagedError, EnvironmentProblemError, RefusedError, UsageError
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, pieces, tar

REFERENCE = "vllm/vllm-openai:v0.7.0"
METADATA = "usr/lib/python3.12/site-packages/vllm-0.7.0.dist-info/METADATA"
IMAGE = FakeImage((tar({METADATA: b"x"}), tar({"etc/note": b"y" * 20_000}), tar({METADATA: b"x"})))
SAVED = {"24": FakeImage.saved_by_24, "25": FakeImage.saved_by_25, "29": FakeImage.saved_by_29}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by", SAVED)
def test_an_archive_gives_what_the_daemon_would(tmp_path: Path, cache: Cache, by: str, packed: bool) -> None:  # noqa: FBT001
    stream = SAVED[by](IMAGE)
    archive = tmp_path / "image.tar"
    archive.write_bytes(gzip.compress(stream) if packed else stream)
    taken = take_image(REFERENCE, archive, cache, unwatched)
    parts = cut(pieces(stream), cache, lambda _: None)
    assert taken.image.config == IMAGE.id
    assert taken.image.diff_ids == tuple(layer.diff_id for layer in parts.layers)
    assert {layer.blob.sha256 for layer in parts.layers} <= {file.sha256 for file in taken.files}
    assert taken.image.versions == {"python": "3.12", "vllm": "0.7.0"}
    assert {(file.source, file.known_by) for file in taken.files} == {(f"file {archive}", "first use")}


def test_a_second_time_no_layer_is_read(tmp_path: Path, cache: Cache) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(IMAGE.saved_by_25())
    first = take_image(REFERENCE, archive, cache, unwatched)
    stream = bytearray(archive.read_bytes())
    at = stream.index(b"y" * 20_000)
    stream[at : at + 20_000] = b"z" * 20_000
    archive.write_bytes(stream)
    assert take_image(REFERENCE, archive, cache, unwatched) == first


def test_a_missing_file_names_the_key_of_the_manifest(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(UsageError, match="no such file") as error:
        take_image(REFERENCE, tmp_path / "none.tar", cache, unwatched)
    assert "image.path" in error.value.hint
    with pytest.raises(UsageError, match="is a folder"):
        take_image(REFERENCE, tmp_path, cache, unwatched)


@pytest.mark.parametrize("cut_at", [0, 100, 5_000, 30_000])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_ends_early_is_damaged(tmp_path: Path, cache: Cache, cut_at: int, packed: bool) -> None:  # noqa: FBT001
    stream = IMAGE.saved_by_25()
    (tmp_path / "image.tar").write_bytes((gzip.compress(stream, 0) if packed else stream)[:cut_at])
    with pytest.raises(DamagedError, match=r"image\.tar: "):
        take_image(REFERENCE, tmp_path / "image.tar", cache, unwatched)


def test_an_archive_for_other_machines_is_refused(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(FakeImage(IMAGE.layers, architecture="arm64").saved_by_25())
    with pytest.raises(RefusedError, match="linux/arm64"):
        take_image(REFERENCE, tmp_path / "image.tar", cache, unwatched)


@pytest.mark.parametrize(
    "content", [b"<html>login</html>" * 100, b"\x28\xb5\x2f\xfd" + bytes(1000), b"PK\x03\x04" * 400]
)
def test_what_is_no_archive_is_named_as_such(tmp_path: Path, cache: Cache, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(AirgapError, match=r"image\.tar: "):
        take_image(REFERENCE, tmp_path / "image.tar", cache, unwatched)


def test_an_archive_without_room_is_not_read(tmp_path: Path, cache: Cache) -> None:
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        file.write(IMAGE.saved_by_25())
        file.truncate(1 << 43)  # holes
    with pytest.raises(EnvironmentProblemError, match=r"image\.tar: no room for 8\.0 TiB"):
        take_image(REFERENCE, archive, cache, unwatched)
    assert not (cache.folder / "sha256").exists()
