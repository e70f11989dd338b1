"""Of the toolkit's archive only the needed packages are kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.packages.facts import Relation
from bundler.sources.toolkit_packages import take_packages
from installer.errors import DamagedError, RefusedError
from installer.index.document import Target
from tests.fakes.package_files import Made, deb_package, rpm_package
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
    assert cache.path(taken[0].stored.sha256).read_bytes() == RPMS[f"{INNER}/libnvidia-container1-1.17.8-1.x86_64.rpm"]


def test_of_two_systems_the_older_is_taken(archive: Path, cache: Cache) -> None:
    newer = {name.replace("centos7", "centos8"): b"for centos8" for name in RPMS}
    archive.write_bytes(tar_gz({**newer, **RPMS}))
    taken = take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)
    assert cache.path(taken[0].stored.sha256).read_bytes() == RPMS[f"{INNER}/libnvidia-container1-1.17.8-1.x86_64.rpm"]


@pytest.mark.parametrize("missing", PACKAGES)
def test_a_missing_package_is_named(archive: Path, cache: Cache, missing: str) -> None:
    archive.write_bytes(tar_gz({name: rpm for name, rpm in RPMS.items() if f"/{missing}-1" not in name}))
    with pytest.raises(RefusedError, match=f" {missing}-1.17.8 for x86_64 missing"):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


def test_an_archive_of_another_version_is_refused(archive: Path, cache: Cache) -> None:
    archive.write_bytes(tar_gz(RPMS))
    with pytest.raises(RefusedError, match=r"libnvidia-container1-1\.17\.9, "):
        take_packages(archive, "toolkit.tar.gz", "1.17.9", TARGET, cache)


def test_a_package_that_calls_itself_otherwise_is_refused(archive: Path, cache: Cache) -> None:
    name = f"{INNER}/libnvidia-container1-1.17.8-1.x86_64.rpm"
    archive.write_bytes(tar_gz({**RPMS, name: rpm_package(Made("libnvidia-container1", "1.17.3-1"))}))
    with pytest.raises(RefusedError, match=r"is libnvidia-container1 1\.17\.3-1\.x86_64 by its own words"):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


def test_packages_that_do_not_go_together_are_refused(archive: Path, cache: Cache) -> None:
    name = f"{INNER}/nvidia-container-toolkit-1.17.8-1.x86_64.rpm"
    needs = (Relation("nvidia-container-toolkit-base", "=", "1.17.8-2"), Relation("libcap"))
    archive.write_bytes(tar_gz({**RPMS, name: rpm_package(Made("nvidia-container-toolkit", "1.17.8-1", needs=needs))}))
    with pytest.raises(RefusedError, match=r"package-version.* needs nvidia-container-toolkit-base = 1\.17\.8-2"):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (Made("libnvidia-container1", "1.17.8-1", needs=(Relation("libm.so.6(GLIBC_2.38)(64bit)"),)), "package-glibc"),
        (Made("libnvidia-container1", "1.17.8-1", conflicts=(Relation(PACKAGES[1]),)), "package-conflict"),
    ],
)
def test_a_package_that_no_node_could_install_is_refused(archive: Path, cache: Cache, made: Made, rule: str) -> None:
    name = f"{INNER}/libnvidia-container1-1.17.8-1.x86_64.rpm"
    archive.write_bytes(tar_gz({**RPMS, name: rpm_package(made)}))
    with pytest.raises(RefusedError, match=rule):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


def test_what_the_archive_lacks_the_node_may_have(archive: Path, cache: Cache) -> None:
    name = f"{INNER}/libnvidia-container1-1.17.8-1.x86_64.rpm"
    made = Made("libnvidia-container1", "1.17.8-1", needs=(Relation("nothing-provides-this"),))
    archive.write_bytes(tar_gz({**RPMS, name: rpm_package(made)}))
    assert len(take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)) == len(PACKAGES)


def test_a_cut_package_is_damaged(archive: Path, cache: Cache) -> None:
    name = f"{INNER}/nvidia-container-toolkit-1.17.8-1.x86_64.rpm"
    archive.write_bytes(tar_gz({**RPMS, name: RPMS[name][:-1]}))
    with pytest.raises(DamagedError, match=r"nvidia-container-toolkit-1\.17\.8-1\.x86_64\.rpm: cut or changed"):
        take_packages(archive, "toolkit.tar.gz", "1.17.8", TARGET, cache)


def test_debs_are_taken_from_upstreams_folder_for_them(archive: Path, cache: Cache) -> None:
    folder = "release-v1.17.8-stable/packages/ubuntu18.04/amd64"
    debs = {
        f"{folder}/{name}_1.17.8-1_amd64.deb": deb_package(f"Package: {name}\nVersion: 1.17.8-1\nArchitecture: amd64\n")
        for name in (*PACKAGES, "libnvidia-container-dev", "nvidia-container-toolkit-operator-extensions")
    }
    archive.write_bytes(tar_gz({**RPMS, **debs}))
    taken = take_packages(archive, "toolkit.tar.gz", "1.17.8", replace(TARGET, packages="deb"), cache)
    assert [(package.name, package.version, package.file_name) for package in taken] == [
        (name, "1.17.8-1", f"{name}_1.17.8-1_amd64.deb") for name in PACKAGES
    ]
