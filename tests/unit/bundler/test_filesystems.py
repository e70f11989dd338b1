"""What cannot fit is said before anything is written."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from bundler.cloning import clone, clone_or_link
from bundler.filesystems import check_file_sizes
from bundler.lock import LockedFile
from installer.errors import EnvironmentProblemError
from tests.unit.bundler.making import Site


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


def test_a_file_of_another_mode_is_not_linked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    source.chmod(0o600)
    clone_or_link(source, tmp_path / "target", 0o644)
    assert source.stat().st_nlink == 1
    source.chmod(0o644)
    assert clone_or_link(source, tmp_path / "target2", 0o644)


def test_a_clone_is_on_the_disk_before_the_bundle_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def clone_range(target: int, _request: int, source: int) -> int:
        return os.sendfile(target, source, 0, 1 << 20)

    monkeypatch.setattr(fcntl, "ioctl", clone_range)
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"weights")
    assert clone(source, target, 0o644)
    assert target.read_bytes() == b"weights"
    assert synced == [target.stat().st_ino]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_modes_ends_no_build(site: Site, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    assert (site.build().folder / "install").exists()
