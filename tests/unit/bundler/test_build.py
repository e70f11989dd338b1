"""A whole build, with real files and without a network."""

import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.build import lock_manifest
from bundler.lock import Lock, Release, lock_path, read_lock
from bundler.manifest import Manifest, read_manifest
from bundler.progress import unwatched
from bundler.workplace import Found, Workplace
from installer.errors import DamagedError, MalformedError, RefusedError, UnreachableError, UsageError
from installer.index.components import Image
from installer.index.document import parse_index
from installer.trust.keys import parse_public_key
from installer.trust.signatures import Anchors
from installer.trust.verdict import verify
from tests.fakes.package_files import driver_run
from tests.fakes.tiny_model import weights
from tests.unit.bundler.making import WEIGHTS, Site, find_image, put, stored_file


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "signatures")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lock_of(site: Site) -> Lock:
    lock = read_lock(lock_path(site.manifest))
    assert lock is not None
    return lock


def locked_sha256(site: Site, path: str) -> str:
    return next(file.sha256 for file in lock_of(site).files if file.path == path)


def test_a_built_bundle_is_verified(site: Site) -> None:
    built = site.build()
    anchors = Anchors(keys=(parse_public_key(site.public_key.read_bytes(), "release.pub"),))
    verdict = verify(built.folder, anchors, unwatched)
    assert verdict.words == "verified"
    assert verdict.index.driver is not None
    assert verdict.index.driver.version == "550.10"
    assert built.fingerprint == site.key.public.fingerprint


def test_the_launcher_pins_the_runtime(site: Site) -> None:
    out = site.build().folder
    assert f"RUNTIME_SHA256={locked_sha256(site, 'runtime.tar.gz')}\n" in (out / "install").read_text()


def test_modes_do_not_depend_on_the_umask(site: Site) -> None:
    before = os.umask(0o077)
    try:
        out = site.build().folder
    finally:
        os.umask(before)
    for path in out.rglob("*"):
        executable = path.is_dir() or path.name == "install"
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if executable else 0o644), path


def test_the_same_lock_gives_the_same_bytes_wherever_and_whenever(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tree(site.build("first").folder)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = os.umask(0)
    try:
        assert tree(site.build("second").folder) == first
    finally:
        os.umask(before)


def test_a_second_build_asks_only_for_the_runtime(site: Site) -> None:
    site.build("first")
    site.asked.names.clear()
    site.build("second")
    assert site.asked.names == ["runtime"]


def test_a_changed_part_of_the_manifest_is_resolved_again_and_no_other(site: Site) -> None:
    site.build("first")
    site.asked.names.clear()
    site.rewrite("sequence: 7", "sequence: 8")
    site.rewrite("27.4.0", "27.5.0")
    site.build("second")
    assert site.asked.names == ["runtime", "docker"]


def test_what_was_found_before_a_failure_is_kept(site: Site) -> None:
    def unreachable(manifest: Manifest, work: Workplace) -> Found:
        raise UnreachableError("no docker")

    site.asked.image = unreachable
    with pytest.raises(UnreachableError):
        site.build()
    assert set(lock_of(site).parts) == {"runtime", "driver", "docker", "toolkit"}
    site.asked.image = find_image
    site.asked.names.clear()
    site.build()
    assert site.asked.names == ["runtime", "image", "model"]


def test_nothing_large_is_written_twice(site: Site) -> None:
    out = site.build().folder
    cached = site.work.cache.path(locked_sha256(site, "docker/docker.tgz"))
    assert (out / "docker/docker.tgz").samefile(cached)


def test_a_model_edited_in_place_does_not_change_the_bundle(site: Site) -> None:
    for path in site.model.iterdir():
        path.chmod(0o644)
    out = site.build().folder
    with (site.model / "model.safetensors").open("r+b") as file:
        file.write(b"WEIGHTS")
    assert (out / "model/tiny-model/model.safetensors").read_bytes() == WEIGHTS


def test_damage_in_the_cache_is_noticed_and_fetched_again(site: Site) -> None:
    first = tree(site.build("first").folder)
    cached = site.work.cache.path(locked_sha256(site, "driver/driver.run"))
    content = bytearray(cached.read_bytes())
    content[50_000] ^= 1
    cached.unlink()
    cached.write_bytes(content)
    assert tree(site.build("second").folder) == first
    assert "driver/driver.run: damaged in the cache, fetching it again" in site.told


def test_damage_that_a_rule_would_look_into_is_fetched_again_and_not_judged(site: Site) -> None:
    first = tree(site.build("first").folder)
    (package, *_) = (file for file in lock_of(site).files if file.kind == "toolkit")
    cached = site.work.cache.path(package.sha256)
    content = cached.read_bytes()
    cached.unlink()
    cached.write_bytes(bytes(len(content)))
    assert tree(site.build("second").folder) == first
    assert f"{package.path}: damaged in the cache, fetching it again" in site.told


def test_damage_in_the_image_is_taken_from_its_source_again(site: Site) -> None:
    first = tree(site.build("first").folder)
    site.work.cache.drop(locked_sha256(site, "image/oci-layout"))
    site.asked.names.clear()
    assert tree(site.build("second").folder) == first
    assert site.asked.names == ["runtime", "image"]


def test_a_source_that_changed_since_it_was_locked_is_refused(site: Site) -> None:
    site.build("first")
    site.work.cache.drop(locked_sha256(site, "driver/driver.run"))
    (site.folder / "driver.run").write_bytes(driver_run("550.10", payload=b"another"))
    with pytest.raises(DamagedError, match="no longer what was locked") as caught:
        site.build("second")
    assert "--update driver" in caught.value.hint


def test_update_takes_the_source_as_it_is_now(site: Site) -> None:
    site.build("first")
    (site.folder / "driver.run").write_bytes(driver_run("550.10", payload=b"another"))
    before = locked_sha256(site, "driver/driver.run")
    lock_manifest(read_manifest(site.manifest), ("driver",), site.asked.sources(), site.work)
    assert locked_sha256(site, "driver/driver.run") != before


def test_update_of_an_unknown_part_names_the_parts(site: Site) -> None:
    for wrong, right in (("fan", "NAME"), ("drvier", "driver")):
        with pytest.raises(UsageError, match=rf"--update {wrong}: the manifest has runtime, driver") as caught:
            lock_manifest(read_manifest(site.manifest), (wrong,), site.asked.sources(), site.work)
        assert caught.value.hint == f"bundle lock {site.manifest} --update {right}, or --update alone for all"


@pytest.mark.parametrize("change", ["weights", "added", "gone"])
def test_a_model_that_changed_since_it_was_locked_is_refused(site: Site, change: str) -> None:
    (site.model / "merges.txt").touch()
    site.build("first")
    if change == "weights":
        (site.model / "model.safetensors").write_bytes(weights("other", 7000))
    if change == "added":
        (site.model / "more.txt").touch()
    if change == "gone":
        (site.model / "merges.txt").unlink()
    with pytest.raises(DamagedError) as caught:
        site.build("second")
    assert f"`bundle lock {site.manifest} --update model`" in caught.value.hint
    assert not (site.folder / "second").exists()
    assert not (site.folder / "second.partial").exists()


def test_the_same_sequence_with_other_content_is_refused(site: Site) -> None:
    site.build("first")
    change(site)
    with pytest.raises(RefusedError, match="signed already, with other content") as caught:
        site.build("second")
    assert caught.value.hint == "set `sequence: 8` in the manifest"
    assert not (site.folder / "second").exists()
    site.rewrite("sequence: 7", "sequence: 8")
    site.build("second")


def test_other_content_of_a_signed_sequence_is_refused_before_anything_is_copied(site: Site) -> None:
    site.build("first")
    change(site)
    cached = site.work.cache.path(locked_sha256(site, "driver/driver.run"))
    cached.write_bytes(b"damaged, which copying would find out")
    with pytest.raises(RefusedError, match="signed already, with other content"):
        site.build("second")
    assert site.told == []


def test_a_lock_that_knows_the_signed_lists_alone_still_refuses_other_content(site: Site) -> None:
    site.build("first")
    path = lock_path(site.manifest)
    document = json.loads(path.read_bytes())
    del document["signed"]["outline"]
    path.write_text(json.dumps(document))
    change(site)
    with pytest.raises(RefusedError, match="signed already, with other content"):
        site.build("second")


def change(site: Site) -> None:
    site.rewrite("name: tiny\n", "name: tiny\nserve: {max_model_len: 512}\n")


def test_an_unsigned_bundle_is_in_the_lock_before_it_has_its_name(site: Site) -> None:
    digest = site.build_unsigned("first").sealed.sums_digest
    assert lock_of(site).unsigned == Release(7, digest)
    assert lock_of(site).signed is None


def test_after_an_unsigned_bundle_other_content_is_warned_of(site: Site) -> None:
    first = site.build_unsigned("first")
    change(site)
    second = site.build_unsigned("second")
    third = site.build("third")
    assert first.warning == ""
    assert "sequence: 7 was built already, with other content" in second.warning
    assert "`sequence: 8`" in second.warning
    assert third.warning == ""  # the same as the second


def test_a_key_does_not_silence_the_warning(site: Site) -> None:
    site.build_unsigned("first")
    change(site)
    assert "was built already" in site.build("second").warning


def test_after_a_signed_bundle_an_unsigned_one_with_other_content_is_refused(site: Site) -> None:
    site.build("first")
    site.rewrite("sequence: 7", "sequence: 8")
    site.build_unsigned("second")
    site.rewrite("sequence: 8", "sequence: 7")
    change(site)
    with pytest.raises(RefusedError, match="signed already, with other content"):
        site.build_unsigned("third")


def test_a_bundle_that_is_signed_in_the_end_is_no_longer_unsigned(site: Site) -> None:
    digest = site.build_unsigned("first").sealed.sums_digest
    site.build("second")
    site.build_unsigned("third")
    assert (lock_of(site).signed, lock_of(site).unsigned) == (Release(7, digest), None)


def test_a_lower_sequence_is_refused_before_anything_is_asked(site: Site) -> None:
    site.build("first")
    site.asked.names.clear()
    site.rewrite("sequence: 7", "sequence: 6")
    with pytest.raises(RefusedError, match="6 is lower than 7"):
        site.build("second")
    assert site.asked.names == []


def test_auto_becomes_the_backend_that_the_image_can(site: Site) -> None:
    assert site.build("first").sealed.index.cluster.backend == "mp"

    def with_ray(manifest: Manifest, work: Workplace) -> Found:
        found = find_image(manifest, work)
        assert isinstance(found.component, Image)
        return Found(replace(found.component, versions={"vllm": "0.6.4", "ray": "2.40.0"}), found.files)

    site.asked.image = with_ray
    site.rewrite("vllm:small", "vllm:other")
    site.rewrite("sequence: 7", "sequence: 8")
    assert site.build("second").sealed.index.cluster.backend == "ray"
    backend = lock_of(site).backend
    assert backend is not None
    assert backend.reason == "the image holds Ray"


def test_ray_is_refused_where_the_image_holds_none(site: Site) -> None:
    site.rewrite("name: tiny\n", "name: tiny\ncluster: {backend: ray}\n")
    with pytest.raises(RefusedError, match="holds no Ray"):
        site.build()


def test_only_what_the_manifest_names_is_in_the_bundle(site: Site) -> None:
    for line in ("driver", "docker", "toolkit"):
        text = site.manifest.read_text()
        site.manifest.write_text("".join(x for x in text.splitlines(keepends=True) if not x.startswith(line)))
    index = parse_index((site.build().folder / "bundle.json").read_bytes())
    assert (index.driver, index.docker, index.toolkit) == (None, None, None)
    assert {file.kind for file in index.files} == {"launcher", "runtime", "image", "model"}


def test_what_was_allowed_by_name_is_in_the_index(site: Site) -> None:
    assert site.build("first").sealed.index.model.allow == ()
    site.rewrite("tiny-model", "tiny-model, allow: [code]")
    site.rewrite("sequence: 7", "sequence: 8\nserve: {allow: [trust-remote-code]}")
    index = parse_index((site.build("second").folder / "bundle.json").read_bytes())
    assert (index.model.allow, index.serve.allow) == (("code",), ("trust-remote-code",))


def test_names_that_differ_only_in_case_are_refused(site: Site) -> None:
    def twice(manifest: Manifest, work: Workplace) -> Found:
        found = find_image(manifest, work)
        more = (stored_file(work.cache, f"image/{name}", "image", b"x") for name in ("Blob", "blob"))
        return Found(found.component, (*found.files, *more))

    site.asked.image = twice
    with pytest.raises(MalformedError, match="equal in lower case"):
        site.build()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    target = tmp_path / "out"
    target.mkdir()
    (target / "precious").write_text("mine")
    yield target
    assert (target / "precious").read_text() == "mine"


def test_a_folder_that_holds_something_is_left_alone(site: Site, full: Path) -> None:
    with pytest.raises(UsageError, match="not empty"):
        site.build("out")


def test_the_empty_folder_one_stands_in_may_be_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.folder / "out").mkdir()
    monkeypatch.chdir(site.folder / "out")
    site.build(".")
    assert (site.folder / "out/install").exists()


def test_a_build_killed_before_leaves_nothing_in_the_way(site: Site) -> None:
    partial = site.folder / "out.partial" / "model"
    partial.mkdir(parents=True)
    (partial / "half").write_bytes(b"half")
    assert "half" not in {path.name for path in site.build().folder.rglob("*")}


def test_a_cache_entry_of_another_length_is_replaced(site: Site) -> None:
    stored = put(site.work.cache, b"content")
    site.work.cache.path(stored.sha256).write_bytes(b"cut")
    put(site.work.cache, b"content")
    assert site.work.cache.path(stored.sha256).read_bytes() == b"content"
