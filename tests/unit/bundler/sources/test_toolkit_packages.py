"""Of the toolkit's archive only the needed packages are kept."""

from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.sources.toolkit_packages import take_packages
from installer.errors import RefusedError
from installer.index.document import Target
from tests.unit.bundler.making import INNER, PACKAGES, RPMS, tar_gz

TARGET = Target("x86_64", "2.17", "rpm")
OTHERS = {
    f"{INNER}/libnvidia-container-devel-1.17.8-1.x86_64.rpm": b"devel",
    f"{INNER}/libnvidia-container1-debuginfo-1.17.8-1.x86_64.rpm": b"debug",
    f"{INNER}/nvidia-container-toolkit-operator-extensions-1.17.8-1.x86_64.rpm": b"operator",
    f"{INNER}/libnvidia-container1-1.17.7-1.x86_64.rpm": b"older",
    f"{INNER}/libnvidia-container1-1.17.8-1.aarch64.rpm": b"other machine",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "toolkit.tar.gz"


def test_four_packages_are_kept_and_no_other(archive: Path, cache: Cache) -> None:
    archive.write_bytes(tar_gz({**OTHERS, **RPMS}))
    taken = take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)
    assert [package.name for package in taken] == list(PACKAGES)
    assert {package.version for package in taken} == {"1.17.8-1.x86_64"}
    assert taken[0].file_name == "libnvidia-container1-1.17.8-1.x86_64.rpm"
    assert len([path for path in cache.folder.rglob("*") if path.is_file()]) == 4
    assert cache.path(taken[0].stored.sha256).read_bytes() == b"rpm of libnvidia-container1"


def test_of_two_systems_the_older_is_taken(archive: Path, cache: Cache) -> None:
    newer = {name.replace("centos7", "centos8"): b"for centos8" for name in RPMS}
    archive.write_bytes(tar_gz({**newer, **RPMS}))
    taken = take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)
    assert cache.path(taken[0].stored.sha256).read_bytes() == b"rpm of libnvidia-container1"


@pytest.mark.parametrize("missing", PACKAGES)
def test_a_missing_package_is_named(archive: Path, cache: Cache, missing: str) -> None:
    archive.write_bytes(tar_gz({name: rpm for name, rpm in RPMS.items() if f"/{missing}-1" not in name}))
    with pytest.raises(RefusedError, match=f" {missing}-1.17.8 for x86_64 missing"):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


def test_an_archive_of_another_version_is_refused(archive: Path, cache: Cache) -> None:
    archive.write_bytes(tar_gz(RPMS))
    with pytest.raises(RefusedError, match=r"libnvidia-container1-1\.17\.9, "):
        take_packages(archive, "toolkit.tar.gz", "1.17.9", TARGET, cache)
