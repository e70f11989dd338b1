import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.progress import Advance
from bundler.sources.image import taken_before
from bundler.sources.image.docker import Found, announce_from, take_from
from bundler.sources.image.layout import Parts
from installer.errors import EnvironmentProblemError, RefusedError
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, pieces, tar

REFERENCE = "vllm/vllm-openai:v0.32.0"
METADATA = "usr/lib/python3/dist-packages/vllm-0.32.0.dist-info/METADATA"
IMAGE = FakeImage((tar({METADATA: b"x"}), tar({"etc/note": b"y" * 20_000})))


class FakeDaemon:
    """A daemon with one image, which counts how often it had to save it."""

    def __init__(self, image: FakeImage, size: int | None = None) -> None:
        self.image = image
        self.size = sum(map(len, image.layers)) if size is None else size
        self.saved = 0

    def find(self, reference: str) -> Found:
        if reference != REFERENCE:
            raise AssertionError(f"nobody should ask for {reference}")
        return Found(self.image.id, self.image.system, self.image.architecture, self.size)

    def save(self, image_id: str) -> Iterator[bytes]:
        if image_id != self.image.id:
            raise AssertionError(f"{image_id} is not the image that was found")
        self.saved += 1
        return pieces(self.image.saved_by_24())


class Listener:
    """A Meter that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int | None]] = []
        self.bytes = 0

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:  # noqa: ARG002 # a Meter's
        self.told.append((what, total))
        yield self.advance

    def advance(self, count: int) -> None:
        self.bytes += count


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_an_image_is_taken_as_the_daemon_has_it(cache: Cache) -> None:
    taken = take_from(FakeDaemon(IMAGE), REFERENCE, cache, Listener())
    assert taken.image.reference == REFERENCE
    assert taken.image.config == IMAGE.id
    assert taken.image.versions == {"vllm": "0.32.0"}
    assert len(taken.image.diff_ids) == 2
    assert (taken.image.entrypoint, taken.image.architecture) == ((), "amd64")
    assert all(file.sha256 in cache and file.source == f"docker image {REFERENCE}" for file in taken.files)


def test_what_it_may_take_is_known_before_and_nothing_the_second_time(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE, size=9000)
    assert [file.size for file in announce_from(daemon, REFERENCE, cache)] == [3000]
    take_from(daemon, REFERENCE, cache, Listener())
    assert announce_from(daemon, REFERENCE, cache) == ()


def test_progress_knows_the_size_of_the_image(cache: Cache) -> None:
    listener = Listener()
    take_from(FakeDaemon(IMAGE), REFERENCE, cache, listener)
    assert listener.told == [(f"docker save {REFERENCE}", listener.bytes)]


def test_a_second_time_nothing_is_saved(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE)
    first = take_from(daemon, REFERENCE, cache, Listener())
    assert take_from(daemon, REFERENCE, cache, Listener()) == first
    assert daemon.saved == 1


def test_a_layer_gone_from_the_cache_is_saved_again(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE)
    first = take_from(daemon, REFERENCE, cache, Listener())
    for file in first.files:
        cache.drop(file.sha256)
        assert take_from(daemon, REFERENCE, cache, Listener()) == first
        assert file.sha256 in cache
    assert daemon.saved == 1 + len(IMAGE.layers) + 1  # the configuration too comes from the daemon


def test_a_record_that_was_cut_short_is_not_believed(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE)
    first = take_from(daemon, REFERENCE, cache, Listener())
    (record,) = (cache.folder / "docker").iterdir()
    for text in ("", record.read_text()[:-20], "{}", record.read_text().replace('"config"', '"other"')):
        record.write_text(text)
        assert take_from(daemon, REFERENCE, cache, Listener()) == first
    assert daemon.saved == 5


def test_another_image_of_the_same_name_is_saved(cache: Cache) -> None:
    take_from(FakeDaemon(IMAGE), REFERENCE, cache, Listener())
    newer = FakeDaemon(FakeImage(IMAGE.layers, extra={"created": "2026-11-21T00:00:00Z"}))
    assert take_from(newer, REFERENCE, cache, Listener()).image.config == newer.image.id
    assert newer.saved == 1


def test_an_image_for_another_platform_is_refused_before_it_is_saved(cache: Cache) -> None:
    daemon = FakeDaemon(FakeImage(IMAGE.layers, architecture="arm64"))
    with pytest.raises(RefusedError, match="linux/arm64"):
        take_from(daemon, REFERENCE, cache, Listener())
    assert daemon.saved == 0


def test_an_image_without_room_is_not_saved(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE, size=1 << 60)
    with pytest.raises(EnvironmentProblemError, match="no room for"):
        take_from(daemon, REFERENCE, cache, Listener())
    assert daemon.saved == 0


def test_a_configuration_that_was_damaged_in_the_cache_is_saved_again(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE)
    first = take_from(daemon, REFERENCE, cache, Listener())
    config = cache.path(IMAGE.id.removeprefix("sha256:"))
    config.write_bytes(config.read_bytes().replace(b"PATH=/bin", b"PATH=/tmp"))
    assert take_from(daemon, REFERENCE, cache, Listener()) == first
    assert config.read_bytes() == IMAGE.config
    assert daemon.saved == 2


def test_what_another_recipe_cut_is_cut_again(cache: Cache) -> None:
    daemon = FakeDaemon(IMAGE)
    first = take_from(daemon, REFERENCE, cache, Listener())
    (record,) = (cache.folder / "docker").iterdir()
    document = json.loads(record.read_text())
    record.write_text(json.dumps({**document, "recipe": document["recipe"] + 1}))
    assert take_from(daemon, REFERENCE, cache, Listener()) == first
    assert daemon.saved == 2


def test_a_record_that_cannot_be_written_leaves_no_other_file(cache: Cache) -> None:
    record = cache.folder / "docker" / f"{IMAGE.id.removeprefix('sha256:')}.json"
    (record / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        taken_before.remember(cache, IMAGE.id, Parts(IMAGE.config, (), {}))
    assert list(record.parent.iterdir()) == [record]
    assert list((cache.folder / "aside").iterdir()) == []
