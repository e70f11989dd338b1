"""What the testbed makes in upstream's form passes the checks that upstream's own files have to pass."""

from pathlib import Path

import pytest
from testbed import docker_tgz, driver, inputs, toolkit

from bundler.cache import Cache
from bundler.packages.reading import read_package
from bundler.sources.docker_programs import read_binaries
from bundler.sources.driver_run import check_run
from bundler.sources.toolkit_packages import PACKAGES, take_packages
from installer.errors import DamagedError, RefusedError
from installer.index.document import Target

BUILD = Path(__file__).parents[3] / "build"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("driver") / f"{driver.NAME}.run"
    driver.make(path)
    return path


def test_the_driver_is_what_its_header_says(run: Path) -> None:
    check_run(run, run.name, driver.VERSION, "x86_64", "")


def test_a_cut_driver_is_found(run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.run"
    cut.write_bytes(run.read_bytes()[:-1])
    with pytest.raises(DamagedError, match="cut or changed"):
        check_run(cut, "cut.run", driver.VERSION, "x86_64", "")


def test_another_driver_is_refused(run: Path) -> None:
    with pytest.raises(RefusedError, match="is driver"):
        check_run(run, run.name, "535.183.06", "x86_64", "")


def test_every_program_of_docker_is_for_the_nodes() -> None:
    made = inputs.make_all(BUILD, print)
    binaries = read_binaries(made.docker_tgz, made.docker_tgz.name)
    assert {binary.name for binary in binaries} == set(docker_tgz.PROGRAMS)


def test_the_toolkits_packages_are_closed_among_themselves(tmp_path: Path) -> None:
    cache, archive = Cache(tmp_path / "cache"), tmp_path / "toolkit.tar.gz"
    toolkit.make(archive)
    taken = take_packages(archive, archive.name, toolkit.VERSION, Target("x86_64", "2.36", "rpm"), cache)
    assert [package.name for package in taken] == list(PACKAGES)
    facts = [read_package(cache.path(package.stored.sha256), package.file_name) for package in taken]
    assert {package.installed_version for package in facts} == {f"{toolkit.VERSION}-1.x86_64"}
