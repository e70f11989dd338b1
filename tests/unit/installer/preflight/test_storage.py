from dataclasses import replace

import pytest

from installer.facts.storage import Mount
from installer.preflight import Need, Situation, findings_of
from tests.fakes.facts import GIB, ROOT
from tests.fakes.situation import is_quiet, only, told, with_facts


def mounted(at: Situation, *mounts: Mount) -> Situation:
    return with_facts(at, "storage", mounts=(*mounts, ROOT))


def test_a_place_where_nothing_can_be_written(good: Situation) -> None:
    at = replace(good, unwritable=("/opt: Read-only file system",))
    assert told(at) == ("writable", "problem", "/opt: Read-only file system")


def test_no_room(good: Situation) -> None:
    at = replace(good, needs=(Need("/var/lib/x", 300 * GIB, "the model"), Need("/opt/x", 101 * GIB, "the rest")))
    assert told(at) == (
        "space",
        "problem",
        "/ has 400.0 GiB free, 401.0 GiB are needed: the model 300.0, the rest 101.0",
    )
    assert is_quiet(replace(at, needs=at.needs[:1]))


def test_each_mount_has_to_have_room_for_its_own(good: Situation) -> None:
    data = Mount("/data", "/dev/sdb1", "xfs", ("rw",), 100 * GIB, 50 * GIB)
    at = mounted(replace(good, needs=(Need("/data/models", 51 * GIB, "the model"), Need("/opt", GIB, "it"))), data)
    assert only(at).what == "/data has 50.0 GiB free, 51.0 GiB are needed: the model 51.0"
    assert is_quiet(replace(at, needs=(Need("/database", 51 * GIB, "the model"),)))


def test_a_mount_of_which_df_knows_nothing_is_a_warning(good: Situation) -> None:
    silent = Mount("/data", "server:/data", "nfs4", ("rw",), 0, 0)
    at = mounted(replace(good, needs=(Need("/data/models", GIB << 20, "the model"),)), silent)
    assert told(at) == (
        "space",
        "warning",
        "space of /data was not told, 1048576.0 GiB are needed: the model 1048576.0",
    )
    assert only(at).fix.startswith("df -k /data")
    assert is_quiet(mounted(replace(good, needs=(Need("/data/models", 0, "the model"),)), silent))


def test_a_place_on_no_known_mount_is_a_warning(good: Situation) -> None:
    at = with_facts(replace(good, needs=(Need("/data/models", GIB, "the model"),)), "storage", mounts=())
    assert told(at)[:2] == ("space", "warning")


def test_what_older_bundles_left_is_named_where_room_lacks(good: Situation) -> None:
    at = replace(good, needs=(Need("/x", 500 * GIB, "the model"),), older=("/var/lib/vllm-airgap/staging/ab",))
    assert only(at).fix.endswith("older bundles left what may go now: /var/lib/vllm-airgap/staging/ab")


@pytest.mark.parametrize("path", ["/opt/vllm-airgap", "/opt"])
def test_a_mount_from_which_nothing_may_be_started(good: Situation, path: str) -> None:
    opt = Mount("/opt", "/dev/sdb1", "xfs", ("rw", "noexec"), GIB, GIB)
    at = mounted(replace(good, needs=(Need(path, 0, "the program's Python", runs=True),)), opt)
    assert told(at) == (
        "noexec",
        "problem",
        f"/opt is mounted noexec, and the program's Python is started from {path}",
    )
    assert is_quiet(mounted(replace(good, needs=(Need(path, 0, "the model"),)), opt))


def test_one_mount_is_told_once(good: Situation) -> None:
    var = Mount("/var", "/dev/sdb1", "xfs", ("noexec",), GIB, GIB)
    needs = tuple(Need(f"/var/lib/{name}", 0, name, runs=True) for name in ("docker", "driver"))
    assert [found.name for found in findings_of(mounted(replace(good, needs=needs), var))] == ["noexec"]
