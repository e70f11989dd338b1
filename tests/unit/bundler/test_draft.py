"""A folder becomes a bundle at once or not at all, and nothing is written over."""

from pathlib import Path

import pytest

from bundler.draft import drafting, publish, refuse_taken
from installer.errors import DamagedError, LockedError, UsageError


def test_a_draft_becomes_the_folder_when_it_is_published(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with drafting(target) as draft:
        draft.write("model/a/b", b"x")
        assert not target.exists()
        publish(draft, target)
    assert (target / "model/a/b").read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_may_be_named(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with drafting(target) as draft:
        draft.write("install", b"x")
        publish(draft, target)
    assert (target / "install").exists()


def half_drafted(target: Path) -> None:
    with drafting(target) as draft:
        draft.write("install", b"x")
        raise DamagedError("broken")


def test_a_draft_that_failed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        half_drafted(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_two_builds_of_one_folder_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with drafting(target) as first:
        first.write("install", b"first")
        with pytest.raises(LockedError), drafting(target):
            pytest.fail("two drafts of one folder")
        publish(first, target)
    assert (target / "install").read_bytes() == b"first"


@pytest.mark.parametrize(
    "name",
    "install runtime.tar.gz bundle.json SHA256SUMS signatures/0.sig packages/gcc.rpm driver/x.run docker/x.tgz "
    "toolkit/x.rpm image/oci-layout model/tiny/config.json files/o200k_base.tiktoken".split(),
)
def test_whatever_a_killed_build_left_is_removed(tmp_path: Path, name: str) -> None:
    left = tmp_path / "out.partial" / name
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with drafting(tmp_path / "out") as draft:
        assert list(draft.folder.iterdir()) == []


def test_a_partial_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "out.partial" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    with pytest.raises(UsageError, match="not left by a build"), drafting(tmp_path / "out"):
        pytest.fail("their folder was taken")
    assert theirs.read_text() == "mine"


def test_files_and_links_and_mount_points_are_no_targets(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="no folder"):
            refuse_taken(tmp_path / name)
    with pytest.raises(UsageError, match="mount point"):
        refuse_taken(Path("/proc"))
