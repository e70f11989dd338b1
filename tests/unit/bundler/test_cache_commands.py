"""`bundle cache`, as a person types it."""

import json
import os
import time
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.cli import run
from bundler.partials import Origin, holding
from bundler.sizes import in_units
from tests.unit.bundler.making import put

LONG_AGO = 1_600_000_000


@pytest.fixture
def stored(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache with an old entry, a new one and a partial file."""
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(cache.folder))
    old = cache.path(put(cache, b"old" * 1000).sha256)
    os.utime(old, (LONG_AGO, LONG_AGO))
    put(cache, b"new")
    with holding(cache, "key", lambda: None) as partial:
        partial.came_from(Origin("https://host/model.safetensors?token=geheim", "", 10))
        partial.append(memoryview(b"part"))
    return cache


def names(cache: Cache) -> list[bytes]:
    return sorted(path.read_bytes()[:4] for path in (cache.folder / "sha256").rglob("*") if path.is_file())


def test_list_says_what_is_there(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "list")) == 0
    old, *_, total = capsys.readouterr().out.splitlines()
    assert old.startswith(time.strftime("%Y-%m-%d %H:%M", time.localtime(LONG_AGO)))
    assert "2.9 KiB" in old
    assert total == f"{stored.folder}: 2.9 KiB in 3 files"


def test_list_tells_a_driver_from_a_layer(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    driver, layer = put(stored, b"driver"), put(stored, b"layer")
    url = {"url": "https://host/driver.run", "validator": '"1"', "sha256": driver.sha256, "size": 6}
    stored.write_record(stored.folder / "urls/1.json", json.dumps(url).encode())
    stored.write_record(stored.folder / f"layers/{layer.sha256}.json", b"{}")
    assert run(("cache", "list")) == 0
    out = capsys.readouterr().out
    assert f"  {driver.sha256[:12]}  https://host/driver.run\n" in out
    assert f"  {layer.sha256[:12]}  image layer\n" in out
    assert "  partial  https://host/model.safetensors\n" in out


def test_list_for_programs(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "list", "-o", "json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(stored.folder)
    partial = next(file for file in document["files"] if file["partial"])
    assert partial["origin"] == "https://host/model.safetensors"
    assert document["files"][0]["last_used"] == "2020-09-13T12:26:40Z"


def test_prune_takes_what_is_old(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "prune", "--older-than", "30", "-y")) == 0
    assert capsys.readouterr().out == f"{stored.folder}: 1 file removed, 2.9 KiB freed\n"
    assert names(stored) == [b"new"]
    assert (stored.partials / "key").exists()


def test_prune_says_what_bundles_keep_on_the_disk(
    stored: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").hardlink_to(stored.path(put(stored, b"kept" * 1000).sha256))
    assert run(("cache", "prune", "-y")) == 0
    gone = "4 files removed, 3.0 KiB freed; 3.9 KiB are shared with bundles, which keep them"
    assert capsys.readouterr().out == f"{stored.folder}: {gone}\n"


def test_prune_takes_what_is_too_much(stored: Cache) -> None:
    assert run(("cache", "prune", "--max-size", "1K", "-y")) == 0
    assert names(stored) == [b"new"]


def test_prune_takes_all_where_nothing_else_is_said(stored: Cache) -> None:
    assert run(("cache", "prune", "--yes")) == 0
    assert names(stored) == []
    assert not (stored.partials / "key").exists()


def test_prune_asks_first(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "prune", "--older-than", "30")) == 2
    said = capsys.readouterr().err
    assert f"nobody to ask: Remove 1 file from {stored.folder}, which frees 2.9 KiB?\nhint: pass --yes\n" in said
    assert len(names(stored)) == 2


def test_prune_says_that_it_is_asked_for_all(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "prune")) == 2
    assert f"Remove the whole cache (all 3 files) from {stored.folder}" in capsys.readouterr().err
    assert len(names(stored)) == 2
    assert run(("cache", "prune", "--help")) == 0
    assert "Without either the whole cache" in capsys.readouterr().out


def test_prune_has_nothing_to_do(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("cache", "prune", "--max-size", "1G")) == 0
    assert capsys.readouterr().out.endswith("nothing to remove\n")


@pytest.fixture
def idle(stored: Cache) -> list[Path]:
    """What is known of files that the cache has no more, and what a killed run left: 38 bytes that no list shows."""
    gone = "0" * 64
    record, layer, left = (stored.folder / name for name in ("urls/1.json", f"layers/{gone}.json", "aside/left"))
    stored.write_record(record, b'{"sha256": "gone"}')
    stored.write_record(layer, b"12345")
    left.write_bytes(b"of a killed run")
    return [record, layer, left]


def test_prune_takes_what_is_idle_also_where_nothing_else_must_go(
    stored: Cache, idle: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a question, for nobody can want it."""
    assert run(("cache", "prune", "--max-size", "1G")) == 0
    assert capsys.readouterr().out == f"{stored.folder}: 0 files removed, 38 B freed\n"
    assert [path for path in idle if path.exists()] == []
    assert len(names(stored)) == 2
    assert run(("cache", "prune", "--max-size", "1G")) == 0
    assert capsys.readouterr().out.endswith("nothing to remove\n")


def test_what_is_idle_counts_among_what_is_freed(
    stored: Cache, idle: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(("cache", "prune", "--older-than", "30", "-y")) == 0
    assert capsys.readouterr().out == f"{stored.folder}: 1 file removed, {in_units(3000 + 38)} freed\n"
    assert [path for path in idle if path.exists()] == []


def test_nothing_idle_is_taken_from_a_build(stored: Cache, idle: list[Path]) -> None:
    with stored.in_use():
        assert run(("cache", "prune", "--max-size", "1G")) == 8
    assert [path for path in idle if not path.exists()] == []


def test_a_cache_that_was_never_used_is_not_made_to_be_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(tmp_path / "none"))
    assert run(("cache", "prune", "-y")) == 0
    assert not (tmp_path / "none").exists()


def test_prune_waits_for_nobody(stored: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    with stored.in_use():
        assert run(("cache", "prune", "-y")) == 8
    assert "a build is using it" in capsys.readouterr().err
    assert len(names(stored)) == 2


@pytest.mark.parametrize("size", ["many", "-5", "5 apples"])
def test_a_size_that_is_none_is_named(stored: Cache, capsys: pytest.CaptureFixture[str], size: str) -> None:
    assert run(("cache", "prune", "--max-size", size)) == 2
    assert "is no size: write 500M" in capsys.readouterr().err


def test_a_cache_that_was_never_used_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(tmp_path / "none"))
    assert run(("cache", "list")) == 0
    assert capsys.readouterr().out.endswith("0 B in 0 files\n")
    assert not (tmp_path / "none").exists()
