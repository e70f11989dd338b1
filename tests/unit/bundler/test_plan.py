"""A plan is read off the lock: what comes from where, what is here already, what each node needs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.build import lock_manifest
from bundler.cli import run
from bundler.lock import Lock, lock_path, read_lock, write_lock
from bundler.manifest import read_manifest
from bundler.plan import Plan, plan
from installer.errors import UsageError
from installer.index.space import IMAGE_GROWTH, RUNTIME_BYTES
from tests.unit.bundler.making import Site

KEYS = {"schema", "backend", "bundle_bytes", "cached_bytes", "fetch_bytes", "sources", "node", "serve"}


def locked(site: Site) -> Lock:
    return lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)


def planned(site: Site) -> Plan:
    return plan(read_manifest(site.manifest), read_lock(lock_path(site.manifest)), site.work.cache)


def size_of(lock: Lock, part: str) -> int:
    return sum(file.size for file in lock.parts[part].files)


def test_bytes_are_told_per_source(site: Site) -> None:
    lock = locked(site)
    found = {source.part: source for source in planned(site).sources}
    assert {part: source.size for part, source in found.items()} == {part: size_of(lock, part) for part in lock.parts}
    assert found["model"].source == "directory tiny-model"


def test_what_was_locked_is_here_and_the_bundle_is_their_sum(site: Site) -> None:
    lock = locked(site)
    found = planned(site)
    assert found.bundle_size == sum(file.size for file in lock.files)
    assert (found.cached, found.to_fetch) == (found.bundle_size, 0)


def test_what_is_not_cached_is_what_the_build_will_fetch(site: Site) -> None:
    (driver,) = locked(site).parts["driver"].files
    site.work.cache.drop(driver.sha256)
    found = planned(site)
    assert found.to_fetch == driver.size
    assert [source.part for source in found.sources if source.to_fetch] == ["driver"]


def test_a_node_needs_room_for_the_files_and_for_what_becomes_of_them(site: Site) -> None:
    lock = locked(site)
    spaces = {space.place: space.size for space in planned(site).spaces}
    model, image = size_of(lock, "model"), size_of(lock, "image")
    assert spaces["/var/lib/vllm-airgap/models"] == model
    assert spaces["/var/lib/vllm-airgap/staging"] == sum(file.size for file in lock.files) - model
    assert spaces["/var/lib/docker"] == image * IMAGE_GROWTH
    assert spaces["/opt/vllm-airgap"] == RUNTIME_BYTES
    assert spaces["/usr/local/bin"] > 0


def test_it_needs_a_lock(site: Site) -> None:
    with pytest.raises(UsageError, match="no lock yet") as error:
        planned(site)
    assert error.value.hint == f"bundle lock {site.manifest}"


def test_a_lock_that_lacks_parts_is_not_called_none(site: Site) -> None:
    lock = locked(site)
    part = replace(lock, parts={"driver": lock.parts["driver"]}, backend=None)
    write_lock(lock_path(site.manifest), part)
    with pytest.raises(UsageError, match="the lock is not whole yet: it lacks runtime, docker, toolkit") as error:
        planned(site)
    assert error.value.hint == f"bundle lock {site.manifest}"


def test_it_needs_a_lock_of_this_manifest(site: Site) -> None:
    locked(site)
    site.rewrite("27.4.0", "27.5.0")
    with pytest.raises(UsageError, match="docker changed since"):
        planned(site)


def test_nothing_is_asked_of_any_source(site: Site) -> None:
    locked(site)
    site.asked.names.clear()
    planned(site)
    assert site.asked.names == []


def test_the_command_prints_it(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(site.folder / "cache"))
    locked(site)
    assert run(("plan", str(site.manifest))) == 0
    text = capsys.readouterr().out
    assert "100 % here" in text
    assert "/var/lib/docker" in text
    assert run(("plan", str(site.manifest), "-o", "json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == KEYS
    assert set(document["sources"][0]) == {"part", "source", "files", "bytes", "cached_bytes"}
    assert set(document["node"][0]) == {"place", "bytes", "what"}


def test_without_a_lock_the_command_is_2(site: Site) -> None:
    assert run(("plan", str(Path(site.manifest)))) == 2


def test_without_a_lock_a_program_finds_one_document(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("plan", str(site.manifest), "-o", "json")) == 2
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert document == {
        "schema": 1,
        "error": "there is no lock yet",
        "hint": f"bundle lock {site.manifest}",
        "exit_code": 2,
    }
    assert "error: there is no lock yet" in written.err
