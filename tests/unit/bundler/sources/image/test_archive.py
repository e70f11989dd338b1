import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lock import LockedImage
from bundler.manifest import ImageSpec
from bundler.progress import unwatched
from bundler.sources.image.archive import announce, take_image
from bundler.sources.image.docker_save.cutting import cut
from installer.errors import AirgapError, DamagedError, EnvironmentProblemError, RefusedError, UsageError
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, pieces, saved_together, tar

REFERENCE = "vllm/vllm-openai:v0.7.0"
METADATA = "usr/lib/python3.12/site-packages/vllm-0.7.0.dist-info/METADATA"
IMAGE = FakeImage((tar({METADATA: b"x"}), tar({"etc/note": b"y" * 20_000}), tar({METADATA: b"x"})))
SAVED = {"24": FakeImage.saved_by_24, "25": FakeImage.saved_by_25, "29": FakeImage.saved_by_29}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def take(folder: Path, cache: Cache, *, ref: str = REFERENCE, path: str = "image.tar") -> LockedImage:
    return take_image(ImageSpec(ref, "file", path=path), folder, cache, unwatched)


def tagged(*tags: str) -> FakeImage:
    return replace(IMAGE, tags=tags)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by", SAVED)
def test_an_archive_gives_what_the_daemon_would(tmp_path: Path, cache: Cache, by: str, packed: bool) -> None:  # noqa: FBT001
    stream = SAVED[by](IMAGE)
    archive = tmp_path / "image.tar"
    archive.write_bytes(gzip.compress(stream) if packed else stream)
    taken = take(tmp_path, cache)
    parts = cut(pieces(stream), cache, lambda _: None)
    assert taken.image.config == IMAGE.id
    assert taken.image.diff_ids == tuple(layer.diff_id for layer in parts.layers)
    assert {layer.blob.sha256 for layer in parts.layers} <= {file.sha256 for file in taken.files}
    assert taken.image.versions == {"python": "3.12", "vllm": "0.7.0"}
    assert {(file.source, file.known_by) for file in taken.files} == {("file image.tar", "first use")}


def test_what_it_may_take_is_known_before_and_nothing_the_second_time(tmp_path: Path, cache: Cache) -> None:
    spec = ImageSpec(REFERENCE, "file", path="image.tar")
    assert announce(spec, tmp_path, cache) == ()  # that the file is missing is told when it is taken
    (tmp_path / "image.tar").write_bytes(IMAGE.saved_by_25())
    assert [file.size for file in announce(spec, tmp_path, cache)] == [(tmp_path / "image.tar").stat().st_size]
    take(tmp_path, cache)
    assert announce(spec, tmp_path, cache) == ()


def test_a_second_time_no_layer_is_read(tmp_path: Path, cache: Cache) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(IMAGE.saved_by_25())
    first = take(tmp_path, cache)
    stream = bytearray(archive.read_bytes())
    at = stream.index(b"y" * 20_000)
    stream[at : at + 20_000] = b"z" * 20_000
    archive.write_bytes(stream)
    assert take(tmp_path, cache) == first


def test_a_missing_file_names_the_key_of_the_manifest(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(UsageError, match="no such file") as error:
        take(tmp_path, cache, path="none.tar")
    assert "image.path" in error.value.hint
    with pytest.raises(UsageError, match="is a folder"):
        take(tmp_path, cache, path=".")


@pytest.mark.parametrize("cut_at", [0, 100, 5_000, 30_000])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_ends_early_is_damaged(tmp_path: Path, cache: Cache, cut_at: int, packed: bool) -> None:  # noqa: FBT001
    stream = IMAGE.saved_by_25()
    (tmp_path / "image.tar").write_bytes((gzip.compress(stream, 0) if packed else stream)[:cut_at])
    with pytest.raises(DamagedError, match=r"image\.tar: "):
        take(tmp_path, cache)


def test_an_archive_for_other_machines_is_refused(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(FakeImage(IMAGE.layers, architecture="arm64").saved_by_25())
    with pytest.raises(RefusedError, match="linux/arm64"):
        take(tmp_path, cache)


@pytest.mark.parametrize(
    "content", [b"<html>login</html>" * 100, b"\x28\xb5\x2f\xfd" + bytes(1000), b"PK\x03\x04" * 400]
)
def test_what_is_no_archive_is_named_as_such(tmp_path: Path, cache: Cache, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(AirgapError, match=r"image\.tar: "):
        take(tmp_path, cache)


def test_an_archive_without_room_is_not_read(tmp_path: Path, cache: Cache) -> None:
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        file.write(IMAGE.saved_by_25())
        file.truncate(1 << 43)  # holes
    with pytest.raises(EnvironmentProblemError, match=r"image\.tar: no room for 8\.0 TiB"):
        take(tmp_path, cache)
    assert not (cache.folder / "sha256").exists()


@pytest.mark.parametrize("by", SAVED)
@pytest.mark.parametrize(
    ("ref", "tag"),
    [
        (REFERENCE, REFERENCE),
        (REFERENCE, f"docker.io/{REFERENCE}"),
        (f"{REFERENCE}@sha256:{'a' * 64}", REFERENCE),
        (f"vllm/vllm-openai@sha256:{'a' * 64}", REFERENCE),
        ("small", "docker.io/library/small:latest"),
        ("mirror.lan:5000/vllm:1", "mirror.lan:5000/vllm:1"),
    ],
)
def test_a_tag_of_the_archive_is_compared_as_docker_reads_it(
    tmp_path: Path, cache: Cache, by: str, ref: str, tag: str
) -> None:
    (tmp_path / "image.tar").write_bytes(SAVED[by](tagged("other/name:1", tag)))
    assert take(tmp_path, cache, ref=ref).image.config == IMAGE.id


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "tag", ["evil/other:1", "vllm/vllm-openai:v0.7.1", f"mirror.lan/{REFERENCE}", "Not A Name", "vllm/vllm-openai"]
)
def test_an_archive_of_another_tag_is_refused_with_both_names(
    tmp_path: Path,
    cache: Cache,
    tag: str,
    packed: bool,  # noqa: FBT001
) -> None:
    stream = tagged(tag).saved_by_25()
    (tmp_path / "image.tar").write_bytes(gzip.compress(stream) if packed else stream)
    with pytest.raises(RefusedError) as error:
        take(tmp_path, cache)
    assert str(error.value).endswith(f"image.tar: holds {tag}, and image.ref is {REFERENCE}")
    assert f"docker save {REFERENCE} -o FILE" in error.value.hint


def test_an_archive_that_was_taken_before_is_still_compared(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(tagged(REFERENCE).saved_by_25())
    take(tmp_path, cache)
    with pytest.raises(RefusedError, match=r"image\.ref is other/name:1"):
        take(tmp_path, cache, ref="other/name:1")


@pytest.mark.parametrize("packed", [False, True])
def test_of_several_images_the_one_that_the_manifest_names_is_taken(
    tmp_path: Path,
    cache: Cache,
    packed: bool,  # noqa: FBT001
) -> None:
    others = [FakeImage((tar({name: b"x"}),), tags=tags) for name, tags in (("a", ("a:1", "a:2")), ("b", None))]
    stream = saved_together(others[0], tagged(REFERENCE), others[1])
    (tmp_path / "image.tar").write_bytes(gzip.compress(stream) if packed else stream)
    assert take(tmp_path, cache).image.config == IMAGE.id
    assert take(tmp_path, cache, ref="a:2").image.config == others[0].id
    with pytest.raises(RefusedError, match=r"holds a:1, a:2, vllm/vllm-openai:v0\.7\.0, and image\.ref is c:1"):
        take(tmp_path, cache, ref="c:1")


def test_of_several_images_without_a_tag_none_is_taken(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(saved_together(IMAGE, FakeImage((tar({"a": b"x"}),))))
    with pytest.raises(RefusedError, match=r"holds 2 images, none of them called vllm/vllm-openai:v0\.7\.0"):
        take(tmp_path, cache)


def test_of_an_archive_with_many_names_only_some_are_shown(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(tagged(*(f"a:{number}" for number in range(1000))).saved_by_25())
    with pytest.raises(RefusedError, match=r"holds a:0, a:1, a:2, a:3 and 996 more, and"):
        take(tmp_path, cache)


def test_the_same_manifest_gives_the_same_wherever_it_is_called_from(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "image.tar").write_bytes(IMAGE.saved_by_25())
    monkeypatch.chdir(tmp_path)
    assert take(Path(), cache) == take(tmp_path, cache)


def test_an_oci_archive_is_called_by_its_name(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").write_bytes(tar({"oci-layout": b"{}", "index.json": b"{}"}))
    with pytest.raises(UsageError, match=r"image\.tar: an OCI archive, and a docker-archive is read here") as caught:
        take(tmp_path, cache)
    assert caught.value.hint == f"skopeo copy oci-archive:{tmp_path}/image.tar docker-archive:NEW:{REFERENCE}"


def test_so_is_an_oci_folder(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "image.tar").mkdir()
    (tmp_path / "image.tar/oci-layout").write_text("{}")
    with pytest.raises(UsageError, match=r"image\.tar: an OCI folder, and a docker-archive is read here") as caught:
        take(tmp_path, cache)
    assert caught.value.hint == f"skopeo copy oci:{tmp_path}/image.tar docker-archive:NEW:{REFERENCE}"
