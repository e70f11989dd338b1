"""What is in the cache, and what may go."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.holdings import Holding, beyond_size, holdings, remove, unused_since
from bundler.partials import Origin, holding
from installer.errors import LockedError
from tests.unit.bundler.making import Site, put

DAY = 24 * 3600


def used(cache: Cache, content: bytes, at: float) -> str:
    stored = put(cache, content)
    os.utime(cache.path(stored.sha256), (at, at))
    return stored.sha256


def made(name: str, size: int, at: float) -> Holding:
    return Holding(Path(name), name, size, at, whole=True, shared=False)


def test_entries_and_partial_files_the_longest_unused_first(cache: Cache) -> None:
    new, old = used(cache, b"new", 2000), used(cache, b"older", 1000)
    with holding(cache, "key", lambda: None) as partial:
        partial.came_from(Origin("https://me:geheim@host/x?token=geheim", "", 10))
        partial.append(memoryview(b"part"))
    found = holdings(cache)
    assert [(h.name, h.size, h.whole) for h in found] == [(old, 5, True), (new, 3, True), ("key", 4, False)]
    assert found[-1].origin == "https://host/x"


def test_an_entry_is_known_by_where_it_came_from_or_what_it_is(cache: Cache) -> None:
    with holding(cache, "key", lambda: None) as partial:
        partial.came_from(Origin("https://me:geheim@host/driver.run?token=geheim", "", 6))
        partial.append(memoryview(b"driver"))
        driver = partial.keep(hashlib.sha256(b"driver").hexdigest())
    old, layer, config, runtime, other = (put(cache, name) for name in (b"old", b"layer", b"config", b"rt", b"other"))
    record(cache, "urls/1.json", {"url": "https://host/old.rpm", "validator": '"1"', "sha256": old.sha256, "size": 3})
    record(cache, f"layers/{layer.sha256}.json", {"recipe": 1})
    record(cache, "docker/1.json", {"config": config.sha256, "layers": [{"sha256": layer.sha256}]})
    record(cache, "runtimes/1.json", {"sha256": runtime.sha256, "size": 2})
    record(cache, "urls/broken.json", [])
    assert {held.name: held.origin for held in holdings(cache)} == {
        driver.sha256: "https://host/driver.run",
        old.sha256: "https://host/old.rpm",
        layer.sha256: "image layer",
        config.sha256: "image configuration",
        runtime.sha256: "runtime",
        other.sha256: "",
    }
    remove(cache, [held for held in holdings(cache) if held.name == driver.sha256])
    assert not [path for path in (cache.folder / "origins").rglob("*") if path.is_file()]


def test_a_file_of_this_machine_is_known_by_its_path(site: Site) -> None:
    site.build()
    origins = {held.origin for held in holdings(site.work.cache)}
    assert {f"file://{site.folder}/{name}" for name in ("driver.run", "docker.tgz", "toolkit.tar.gz")} <= origins


def test_using_an_entry_makes_it_young_and_leaves_its_date(cache: Cache) -> None:
    digest = used(cache, b"old", 1000)
    cache.touch(digest)
    (found,) = holdings(cache)
    assert found.used > 1_700_000_000
    assert found.path.stat().st_mtime == 1000
    cache.touch("0" * 64)


def test_what_is_unused_for_long() -> None:
    found = (made("old", 1, 1 * DAY), made("new", 1, 9 * DAY))
    assert unused_since(found, 5, 10 * DAY) == found[:1]
    assert unused_since(found, 0, 10 * DAY) == found


def test_what_must_go_for_the_rest_to_fit() -> None:
    found = (made("a", 10, 1), made("b", 20, 2), made("c", 30, 3))
    assert beyond_size(found, 60) == ()
    assert beyond_size(found, 59) == found[:1]
    assert beyond_size(found, 49) == found[:2]
    assert beyond_size(found, 0) == found


def test_removing_says_what_became_free(cache: Cache, tmp_path: Path) -> None:
    used(cache, b"alone", 1)
    os.link(cache.path(used(cache, b"in a bundle", 2)), tmp_path / "bundle")
    with holding(cache, "key", lambda: None) as partial:
        partial.came_from(Origin("https://host/x", "", 10))
        partial.append(memoryview(b"part"))
    left = cache.folder / "aside" / "left"
    left.write_bytes(b"of a killed run")
    known = (cache.partials / "key.json").stat().st_size
    assert remove(cache, holdings(cache)) == len(b"alone") + len(b"part") + known + len(b"of a killed run")
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []
    assert (tmp_path / "bundle").read_bytes() == b"in a bundle"


def record(cache: Cache, name: str, document: object) -> Path:
    path = cache.folder / name
    cache.write_record(path, json.dumps(document).encode())
    return path


def test_what_is_remembered_of_a_file_goes_with_it(cache: Cache) -> None:
    gone, kept = put(cache, b"gone").sha256, put(cache, b"kept").sha256
    for name, sha256 in {"1": gone, "2": kept}.items():
        record(cache, f"urls/{name}.json", {"url": "https://h/x", "validator": f'"{"0" * 64}"', "sha256": sha256})
        record(cache, f"runtimes/{name}.json", {"sha256": sha256, "size": 4})
        record(cache, f"layers/{sha256}.json", {"recipe": 1, "diff_id": f"sha256:{'0' * 64}"})
        record(cache, f"chunks/{sha256}.json", {"chunks": ["0" * 64, "1" * 64], "seal": "2" * 64})
        layers = [{"diff_id": f"sha256:{'0' * 64}", "sha256": kept}, {"sha256": sha256}]
        record(cache, f"docker/{name}.json", {"config": kept, "layers": layers})
    broken = record(cache, "urls/broken.json", {})
    remove(cache, [holding for holding in holdings(cache) if holding.name == gone])
    assert not broken.exists()
    assert sorted(str(path.relative_to(cache.folder)) for path in cache.folder.rglob("*.json")) == [
        f"chunks/{kept}.json",
        "docker/2.json",
        f"layers/{kept}.json",
        "runtimes/2.json",
        "urls/2.json",
    ]


def test_the_record_of_a_partial_file_goes_with_it(cache: Cache) -> None:
    """As after a kill between the entry's name and the end of its record."""
    with holding(cache, "key", lambda: None) as partial:
        partial.came_from(Origin("https://host/x", "", 10))
        partial.append(memoryview(b"part"))
    record(cache, "partial/gone.json", {"url": "https://host/y"})
    assert remove(cache, ()) == len(json.dumps({"url": "https://host/y"}))
    assert sorted(path.name for path in cache.partials.iterdir()) == ["key", "key.json"]


def test_nothing_is_pruned_while_a_build_uses_the_cache(cache: Cache) -> None:
    with cache.in_use(), cache.in_use():
        with pytest.raises(LockedError, match="a build is using it") as caught, cache.alone():
            pytest.fail("pruned")
        assert caught.value.exit_code == 8
    with cache.alone():
        pass
