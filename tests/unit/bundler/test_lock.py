"""A lock survives being written and read, and is never half there."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.build import lock_manifest
from bundler.busy import alone
from bundler.lock import Lock, Release, lock_path, parse_lock, read_lock, render_lock, write_lock
from bundler.manifest import read_manifest
from installer.errors import LockedError, RefusedError, UsageError
from tests.unit.bundler.making import Site


def test_a_written_lock_reads_the_same(site: Site) -> None:
    lock = lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)
    assert read_lock(lock_path(site.manifest)) == lock
    assert parse_lock(render_lock(lock), "x") == lock


def test_an_image_keeps_the_name_by_which_its_registry_has_it_for_good(site: Site) -> None:
    lock = lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)
    pinned = replace(lock.parts["image"], pinned=f"registry.lan/vllm@sha256:{'a' * 64}")
    lock = lock.with_part("image", pinned)
    assert parse_lock(render_lock(lock), "x") == lock
    written = render_lock(lock.with_part("driver", replace(lock.parts["driver"], pinned="x")))
    with pytest.raises(UsageError, match="pinned: unknown key"):
        parse_lock(written, "x")


def test_it_says_for_each_digest_how_it_is_known(site: Site) -> None:
    sha256 = hashlib.sha256((site.folder / "driver.run").read_bytes()).hexdigest()
    site.rewrite("url: driver.run", f"url: driver.run, sha256: {sha256}")
    lock = lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)
    known = {file.path: file.known_by for file in lock.files}
    assert known["driver/driver.run"] == "manifest"
    assert known["docker/docker.tgz"] == "first use"


def test_it_is_sorted_one_value_a_line(site: Site) -> None:
    lock = lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)
    text = render_lock(lock).decode()
    paths = [line for line in text.splitlines() if '"path": "model/' in line]
    assert paths == sorted(paths)
    assert max(map(len, text.splitlines())) < 120


def test_no_lock_is_no_error(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.lock") is None


def test_its_name_is_the_manifests() -> None:
    assert lock_path(Path("a/qwen2.5.yaml")) == Path("a/qwen2.5.lock")
    assert lock_path(Path("a/qwen2.5")) == Path("a/qwen2.5.lock")


@pytest.mark.parametrize(
    "data",
    [b"", b"<<<<<<< ours\n", b"[]", b'{"format": 2, "parts": {}}', b'{"format": 1, "parts": {"fan": {}}}', b"\xff"],
)
def test_a_broken_lock_says_what_to_do(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.lock"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_lock(path)
    assert "bundle lock" in caught.value.hint


def test_a_failed_write_leaves_the_old_lock(tmp_path: Path) -> None:
    path = tmp_path / "m.lock"
    write_lock(path, Lock(signed=Release(1, "a" * 64)))
    (tmp_path / "m.lock.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        write_lock(path, Lock())
    assert read_lock(path) == Lock(signed=Release(1, "a" * 64))


def test_what_was_built_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.lock"
    lock = Lock(signed=Release(7, "a" * 64), unsigned=Release(8, "b" * 64))
    write_lock(path, lock)
    assert read_lock(path) == lock


def test_sequences() -> None:
    signed = Release(5, "a" * 64)
    signed.refuse_lower(5)
    with pytest.raises(RefusedError):
        signed.refuse_lower(4)
    for same_or_next in (signed, Release(6, "b" * 64)):
        signed.refuse_other(same_or_next)
        assert signed.doubt(same_or_next) == ""
    with pytest.raises(RefusedError):
        signed.refuse_other(Release(5, "b" * 64))
    assert "sequence: 5 was built already" in signed.doubt(Release(5, "b" * 64))


def test_a_lock_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "m.lock"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_lock(path, Lock())
    assert list(tmp_path.iterdir()) == [path]


def test_one_run_at_a_time_works_on_a_lock(site: Site) -> None:
    with alone(lock_path(site.manifest)):
        for run in (
            site.build,
            lambda: lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work),
        ):
            with pytest.raises(LockedError):
                run()
    assert site.asked.names == []
    site.build()
    assert [path.name for path in site.folder.iterdir() if "busy" in path.name] == []


def test_a_killed_run_is_not_in_the_way(site: Site) -> None:
    (site.folder / ".tiny.lock.busy").touch()
    site.build()
    assert not (site.folder / ".tiny.lock.busy").exists()
