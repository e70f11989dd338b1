"""What cannot fit is said before anything is written."""

import os
from pathlib import Path

import pytest

from bundler.cloning import clone_or_link
from bundler.filesystems import check_file_sizes, check_room
from bundler.lock import LockedFile
from installer.errors import EnvironmentProblemError


def mounts(tmp_path: Path, kind: str) -> Path:
    device = tmp_path.stat().st_dev
    path = tmp_path / "mountinfo"
    other = "22 1 0:999 / /proc rw - proc proc rw\n"
    path.write_text(f"{other}36 25 {os.major(device)}:{os.minor(device)} / /media rw,noatime - {kind} /dev/sdb1 rw\n")
    return path


def sized(size: int) -> LockedFile:
    return LockedFile("model/m/big.safetensors", "model", size, "0" * 64, "", "build")


def test_fat_holds_no_file_of_4_gib(tmp_path: Path) -> None:
    check_file_sizes(tmp_path, [sized(2**32 - 1)], mounts(tmp_path, "vfat"))
    with pytest.raises(EnvironmentProblemError, match=r"big\.safetensors has 4\.0 GiB"):
        check_file_sizes(tmp_path, [sized(2**32)], mounts(tmp_path, "vfat"))


def test_other_file_systems_do(tmp_path: Path) -> None:
    check_file_sizes(tmp_path, [sized(2**40)], mounts(tmp_path, "exfat"))
    check_file_sizes(tmp_path, [sized(2**40)])


def test_space_that_is_not_there_is_missed_before_writing(tmp_path: Path) -> None:
    check_room(tmp_path, 0)
    with pytest.raises(EnvironmentProblemError, match=r"are to be copied there"):
        check_room(tmp_path, 2**60)


def test_a_file_of_another_mode_is_not_linked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    source.chmod(0o600)
    clone_or_link(source, tmp_path / "target", 0o644)
    assert source.stat().st_nlink == 1
    source.chmod(0o644)
    assert clone_or_link(source, tmp_path / "target2", 0o644)
