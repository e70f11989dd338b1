"""All that goes to one file system must fit there together."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.build import lock_manifest
from bundler.cache import Cache
from bundler.cloning import can_clone
from bundler.lock import LockedFile, lock_path
from bundler.manifest import Manifest, read_manifest
from bundler.needs import Coming, in_bundle, in_cache, needs_of_bundle, needs_of_fetching
from bundler.partials import holding
from bundler.sources.parts import SOURCES
from bundler.sources.url import to_be_copied
from bundler.space import Need, Room, demand_room, shortages
from bundler.workplace import Found, Workplace
from installer.errors import EnvironmentProblemError
from tests.unit.bundler.making import Site, find_image, stored_file

GIB = 1 << 30
LONG_AGO = 1_600_000_000  # seconds since 1970
CACHE, OUT = Path("/cache"), Path("/out")


def needs(cache: int, out: int) -> tuple[Need, ...]:
    return (Need(CACHE, cache * GIB, "what is to be fetched"), Need(OUT, out * GIB, "the bundle"))


def two_disks(folder: Path) -> Room:
    return Room(1, 10 * GIB) if folder == CACHE else Room(2, 20 * GIB)


def one_disk(_folder: Path) -> Room:
    return Room(1, 20 * GIB)


def test_what_fits_is_no_problem() -> None:
    assert list(shortages(needs(9, 19), two_disks)) == []
    assert list(shortages(needs(9, 10), one_disk)) == []
    assert list(shortages(needs(0, 0), lambda _: Room(1, 0))) == []


def test_every_disk_that_is_too_small_is_named_with_its_numbers() -> None:
    cache, out = (shortage.words for shortage in shortages(needs(11, 25), two_disks))
    assert cache == (
        "no room for 11.0 GiB of what is to be fetched in /cache: 10.0 GiB are free there, "
        "of which 64.0 MiB stay free, 1.1 GiB too little"
    )
    assert out.startswith("no room for 25.0 GiB of the bundle in /out: 20.0 GiB are free there")


def test_two_needs_on_one_disk_add_up() -> None:
    (problem,) = shortages(needs(11, 12), one_disk)
    assert problem.words.startswith(
        "no room for 11.0 GiB of what is to be fetched in /cache and 12.0 GiB of the bundle in /out"
    )


def hint_of(*wanted: Need) -> str:
    with pytest.raises(EnvironmentProblemError, match="no room for") as caught:
        demand_room(wanted)
    return caught.value.hint


def test_the_error_names_what_can_be_typed_and_helps(cache: Cache, tmp_path: Path) -> None:
    demand_room([in_bundle(tmp_path / "still" / "to be made", 1)])
    elsewhere = "VLLM_AIRGAP_CACHE=DIR puts the cache elsewhere"
    assert hint_of(in_cache(cache, 1 << 60, "the driver")) == elsewhere
    assert hint_of(in_bundle(tmp_path, 1 << 60)) == "-o DIR puts the bundle elsewhere"
    old = cache.path(stored_file(cache, "a", "driver", b"x" * 2048).sha256)
    assert hint_of(in_cache(cache, 1 << 60, "the driver")) == elsewhere
    os.utime(old, (LONG_AGO, LONG_AGO))
    prune = f"`bundle cache prune --older-than 30` frees 2.0 KiB; {elsewhere}"
    assert hint_of(in_cache(cache, 1 << 60, "the driver"), in_bundle(tmp_path, 0)) == prune
    assert hint_of(in_cache(cache, 0, "nothing"), in_bundle(tmp_path, 1 << 60)).startswith(prune)


def test_the_runtime_is_of_the_bundle_before_it_is_made(site: Site) -> None:
    announced = SOURCES["runtime"](read_manifest(site.manifest), site.work)
    assert [file.path for file in announced.files] == ["runtime.tar.gz"]


def test_what_an_earlier_run_left_is_not_needed_again(cache: Cache) -> None:
    whole = stored_file(cache, "a", "driver", b"there")
    missing = stored_file(cache, "b", "driver", b"not there")
    cache.drop(missing.sha256)
    with holding(cache, missing.sha256, lambda: None) as partial:
        partial.append(memoryview(b"not"))
    (need,) = needs_of_fetching((whole, missing, missing), cache)
    assert (need.folder, need.size) == (cache.folder, len(b" there"))


def test_a_bundle_beside_its_cache_needs_room_for_the_model_only(cache: Cache, tmp_path: Path) -> None:
    cached = stored_file(cache, "driver/x", "driver", b"x" * 100)
    model = stored_file(cache, "model/m/x", "model", b"y" * 1000)
    (tmp_path / "x").write_bytes(b"y" * 1000)
    (need,) = needs_of_bundle(tmp_path, (cached, model), {"model/m/x": tmp_path / "x"}, cache)
    assert need.size in {0, 1000}  # 0 where the file system can clone


def test_a_bundle_on_another_disk_needs_room_for_all(cache: Cache, tmp_path: Path) -> None:
    cached = stored_file(cache, "driver/x", "driver", b"x" * 100)
    other = Path("/dev/shm")  # noqa: S108 # for its file system; nothing is written there
    if other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system here")
    (need,) = needs_of_bundle(other, (cached,), {}, cache)
    assert need.size == 100


def test_a_build_without_room_ends_before_the_first_byte(site: Site) -> None:
    site.build("first")
    path = lock_path(site.manifest)
    lock = json.loads(path.read_bytes())
    (driver,) = lock["parts"]["driver"]["files"]
    driver |= {"url": "http://127.0.0.1:9/driver.run", "size": 1 << 43, "sha256": "0" * 64}
    path.write_text(json.dumps(lock))
    with pytest.raises(EnvironmentProblemError, match=r"no room for 8\.0 TiB of what is to be fetched"):
        site.build("second")
    assert not (site.folder / "second.partial").exists()


def test_a_model_folder_without_room_for_it_is_not_even_read(site: Site) -> None:
    with (site.model / "big.dat").open("wb") as file:
        file.truncate(1 << 43)  # holes
    with pytest.raises(EnvironmentProblemError, match=r"8\.0 TiB of the bundle in "):
        site.build("deep/out")
    assert site.asked.names == []
    assert not (site.folder / "deep").exists()


def test_what_the_parts_say_ahead_is_added_up_before_the_first_is_taken(site: Site) -> None:
    half = os.statvfs(site.folder).f_bavail * os.statvfs(site.folder).f_frsize * 2 // 3
    site.asked.announced = {
        "image": (Coming("image/x", half, "1" * 64), Coming("image/y", 5)),
        "docker": (Coming("docker/x", half),),
    }
    with pytest.raises(EnvironmentProblemError, match="no room for"):
        site.build()
    assert site.asked.names == []
    site.asked.announced.popitem()
    site.build()


def test_a_lock_does_not_ask_for_the_room_of_a_bundle(site: Site) -> None:
    site.asked.announced = {"image": (Coming("image/x", 1 << 50),)}
    lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)


def test_what_nobody_gave_a_digest_counts_as_often_as_it_comes(cache: Cache) -> None:
    files = (Coming("a", 5), Coming("b", 5), Coming("c", 7, "1" * 64), Coming("d", 7, "1" * 64))
    (need,) = needs_of_fetching(files, cache)
    assert need.size == 17


def test_a_file_of_this_machine_is_known_by_its_size(site: Site) -> None:
    cache = site.work.cache
    cache.folder.mkdir()
    names = ["driver.run", f"file://{site.folder}/docker.tgz", "gone.rpm", "https://host/x.rpm"]
    sizes = {file.path: file.size for file in to_be_copied(names, site.folder, cache)}
    expected = {name: (site.folder / name.rpartition("/")[2]).stat().st_size for name in names[:2]}
    assert sizes == ({} if can_clone(cache.folder) else expected)


def test_a_file_of_this_machine_without_room_for_it_is_not_copied(site: Site) -> None:
    with (site.folder / "driver.run").open("r+b") as file:
        file.truncate(1 << 43)  # holes
    with pytest.raises(EnvironmentProblemError, match=r"no room for 8\.0 TiB"):
        site.build()
    with pytest.raises(EnvironmentProblemError, match=r"no room for 8\.0 TiB of driver"):
        lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)


def test_a_build_ends_as_soon_as_what_was_found_is_too_much(site: Site) -> None:
    """Before the model, which is asked for after the image."""

    def find_large(manifest: Manifest, work: Workplace) -> Found:
        found = find_image(manifest, work)
        return replace(found, files=(*found.files, LockedFile("image/x", "image", 1 << 43, "0" * 64, "x", "registry")))

    site.asked.image = find_large
    with pytest.raises(EnvironmentProblemError, match="no room for"):
        site.build()
    assert site.asked.names[-1] == "image"
