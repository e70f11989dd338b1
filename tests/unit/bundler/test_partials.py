"""Partial files outlive their run, belong to one run at a time, and become entries whole."""

import hashlib
import os
import threading
from itertools import islice
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.partials import Origin, holding, origin_of, partial_key

TEXT = b"some bytes"
DIGEST = hashlib.sha256(TEXT).hexdigest()
ORIGIN = Origin("https://host/x", '"tag"', 10)


def never() -> None:
    pytest.fail("nobody holds it")


def files(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def test_it_is_there_for_the_next_run(cache: Cache) -> None:
    with holding(cache, DIGEST, never) as partial:
        partial.came_from(ORIGIN)
        partial.append(memoryview(TEXT))
    with holding(cache, DIGEST, never) as partial:
        assert (partial.size, partial.origin) == (len(TEXT), ORIGIN)
        assert b"".join(map(bytes, partial.pieces(5))) == TEXT[5:]


def test_one_that_somebody_cut_meanwhile_has_no_more_than_there_is(cache: Cache) -> None:
    """Without an end to read up to, this would go on for ever."""
    with holding(cache, DIGEST, never) as partial:
        partial.append(memoryview(TEXT))
        os.truncate(cache.partials / DIGEST, 4)
        assert b"".join(map(bytes, islice(partial.pieces(0), 3))) == TEXT[:4]
        assert partial.size == 4


def test_a_whole_one_becomes_an_entry(cache: Cache) -> None:
    with holding(cache, DIGEST, never) as partial:
        partial.came_from(ORIGIN)
        partial.append(memoryview(TEXT))
        stored = partial.keep(DIGEST)
    assert (stored.sha256, stored.size) == (DIGEST, len(TEXT))
    assert files(cache) == [cache.folder / f"origins/{DIGEST}.json", cache.path(DIGEST)]
    assert cache.path(DIGEST).stat().st_mode & 0o777 == 0o644


def test_an_empty_one_leaves_nothing(cache: Cache) -> None:
    with holding(cache, DIGEST, never) as partial:
        partial.came_from(ORIGIN)
        partial.append(memoryview(TEXT))
        partial.cut(0)
    assert files(cache) == []


@pytest.mark.parametrize("record", [b"", b"{", b'{"url": 1}', b'{"url": "x", "validator": "", "total": 1, "more": 1}'])
def test_a_damaged_record_counts_as_none(cache: Cache, record: bytes) -> None:
    path = cache.partials / "key"
    path.parent.mkdir(parents=True)
    path.write_bytes(TEXT)
    path.with_name("key.json").write_bytes(record)
    assert origin_of(path) is None
    with holding(cache, "key", never) as partial:
        assert (partial.origin, partial.size) == (None, len(TEXT))


def test_the_second_run_waits_and_never_writes_to_an_entry(cache: Cache) -> None:
    waiting, found = threading.Event(), []

    def second() -> None:
        with holding(cache, DIGEST, waiting.set) as partial:
            found.append(partial.size)
            partial.append(memoryview(b"other"))

    with holding(cache, DIGEST, never) as partial:
        partial.append(memoryview(TEXT))
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
        partial.keep(DIGEST)
    thread.join(5)
    assert found == [0]
    assert cache.path(DIGEST).read_bytes() == TEXT


def test_a_link_in_its_place_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(TEXT)
    cache.partials.mkdir(parents=True)
    (cache.partials / "key").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic link"), holding(cache, "key", never):
        pytest.fail("followed")


def test_mirrors_share_what_a_digest_names() -> None:
    assert partial_key(DIGEST, "https://a/x") == partial_key(DIGEST, "https://b/x") == DIGEST
    assert partial_key("", "https://a/x") != partial_key("", "https://b/x")
