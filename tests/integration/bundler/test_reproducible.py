"""The same lock gives the same SHA256SUMS, whoever builds, where, when, and with what in the cache."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.clock import another_time, make_clock
from tests.integration.bundler.world import COMMAND, BuildSite, World, run, world

UNIT = 300_000  # bytes
YEAR = 365  # days


@dataclass(frozen=True)
class Surroundings:
    """``days``: how far the clock is ahead."""

    umask: int
    jobs: int
    days: int
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), UNIT) as one:
        yield one


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def first(served: World) -> BuildSite:
    site = served.site("first")
    site.build()
    return site


COLD = Surroundings(
    umask=0o077,
    jobs=1,
    days=5 * YEAR,
    environment={"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
)
WARM = Surroundings(
    umask=0,
    jobs=8,
    days=-20 * YEAR,  # before any certificate of the servers, which are not asked
    environment={"LC_ALL": "C", "TZ": "America/Adak", "PYTHONHASHSEED": "2", "PYTHONUTF8": "0"},
)
ANEW = Surroundings(umask=0o027, jobs=8, days=YEAR, environment={"LC_ALL": "nonsense", "PYTHONHASHSEED": "3"})


def build_in(around: Surroundings, site: BuildSite, clock: Path, home: Path) -> None:
    """From a folder that is not the manifest's, and by paths that start there."""
    home.mkdir()
    key = str(site.world.folder / "release.key")
    manifest, out = (os.path.relpath(path, home) for path in (site.folder / "tiny.yaml", site.out))
    command = (*COMMAND, "build", manifest, "-o", out, "--key", key, "-q", "-j", str(around.jobs))
    environment = {**site.environment, **around.environment, **another_time(clock, around.days), "HOME": str(home)}
    run(command, environment, cwd=home, umask=around.umask)
    site.verify()


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_the_clock_of_these_tests_is_another(clock: Path) -> None:
    said = run((sys.executable, "-c", "import time; print(time.time())"), another_time(clock, YEAR))
    assert float(said) - time.time() > (YEAR - 1) * 24 * 3600


def test_a_lock_gives_the_same_bundle_with_a_cold_and_a_warm_cache(
    served: World, first: BuildSite, clock: Path, tmp_path: Path
) -> None:
    other = served.site("other")
    shutil.copyfile(first.lock, other.lock)
    build_in(COLD, other, clock, tmp_path / "somebody")
    assert (other.sums, modes(other.out)) == (first.sums, modes(first.out))
    shutil.rmtree(other.out)
    sent = served.sent
    build_in(WARM, other, clock, tmp_path / "somebody else")
    assert (other.sums, modes(other.out)) == (first.sums, modes(first.out))
    assert other.lock.read_bytes() == first.lock.read_bytes()
    assert served.sent == sent


def test_what_is_resolved_anew_has_the_same_lock(served: World, first: BuildSite, clock: Path, tmp_path: Path) -> None:
    anew = served.site("anew")
    build_in(ANEW, anew, clock, tmp_path / "somebody")
    assert anew.lock.read_bytes() == first.lock.read_bytes()
    assert anew.sums == first.sums
