"""`bundle build` is killed at fifty moments all over its run, and one more run ends what they began."""

import hashlib
import json
import logging
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.bundler.traffic import arrived, blobs, files, so_far
from tests.integration.bundler.world import BuildSite, World, run, world

KILLS = 50
AT_ONCE = 2  # builds, each in a world of its own
MOST_IN_A_ROW = 13  # of one bundle
UNIT = 200_000  # bytes
OVERHEAD = 16 << 10  # bytes of TLS, headers and small documents that a connection to the registry may cost
LONGEST_RUN = 120  # seconds
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Whole:
    """What a build does that nobody kills."""

    sums: bytes
    sent: int  # bytes
    seconds: float
    files: int


@dataclass(frozen=True)
class Moment:
    """So many seconds after the start, so many bytes later, or with so many files in the growing bundle."""

    clock: str
    at: float

    def has_come(self, site: BuildSite, start: float, sent: int) -> bool:
        if self.clock == "seconds":
            return time.monotonic() - start >= self.at
        if self.clock == "bytes":
            return site.world.sent - sent >= self.at
        return sum(len(names) for _, _, names in os.walk(site.growing)) >= self.at


def any_moment(dice: random.Random, whole: Whole) -> Moment:
    """By three clocks: by time alone, most of them would be while Python is packed."""
    clock = dice.choice(("seconds", "seconds", "bytes", "files"))
    most = {"seconds": whole.seconds, "bytes": whole.sent / 4, "files": whole.files}[clock]
    return Moment(clock, dice.uniform(0, most))


def test_after_fifty_kills_nothing_is_lost_or_fetched_twice(tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda number: kill_in_a_world(tmp_path / str(number), number), range(AT_ONCE)))
    assert sum(done) == KILLS


def kill_in_a_world(folder: Path, seed: int) -> int:
    """How many kills there were."""
    dice, killed = random.Random(seed), 0  # noqa: S311 # a test that can be repeated
    folder.mkdir()
    with world(folder, UNIT) as one:
        whole = undisturbed(one)
        while killed < KILLS // AT_ONCE:
            site = one.site(f"killed-{killed}")
            killed += kill_and_end(site, dice, whole, min(MOST_IN_A_ROW, KILLS // AT_ONCE - killed))
            for spent in (site.folder, site.temporary):
                shutil.rmtree(spent, ignore_errors=True)
    return killed


def undisturbed(world: World) -> Whole:
    site, sent, start = world.site("whole"), world.sent, time.monotonic()
    site.build()
    seconds = time.monotonic() - start
    return Whole(site.sums, world.sent - sent, seconds, sum(path.is_file() for path in site.out.rglob("*")))


def kill_and_end(site: BuildSite, dice: random.Random, whole: Whole, most: int) -> int:
    """Kill builds of one bundle, until one is faster than its killer or there were ``most``; then build it."""
    killed = 0
    while killed < most and not site.out.exists():
        moment = any_moment(dice, whole)
        log.info("kill %s: %s %.3f", site.folder.name, moment.clock, moment.at)
        with demanding_nothing_twice(site):
            killed += is_killed(site, moment)
        demand_only_whole_files(site)
    if not site.out.exists():
        with demanding_nothing_twice(site):
            run(site.command("-q"), site.environment)
    demand_the_bundle(site, whole)
    return killed


def is_killed(site: BuildSite, moment: Moment) -> bool:
    """Whether there was time to; a build that ends before has done well."""
    sent, start = site.world.sent, time.monotonic()
    errors = site.folder.with_name("errors")
    with errors.open("wb") as said, subprocess.Popen(site.command("-q"), env=site.environment, stderr=said) as build:
        while build.poll() is None and not moment.has_come(site, start, sent):
            assert time.monotonic() - start < LONGEST_RUN
            time.sleep(0.003)
        build.kill()
    assert build.returncode in {0, -9}, errors.read_text()
    return build.returncode == -9


@contextmanager
def demanding_nothing_twice(site: BuildSite) -> Iterator[None]:
    """What is on the disk before is not sent again, be it a whole file or a part of one."""
    known, layers = files(site.world), blobs(site.world)
    there = {file: arrived(site.cache, file) for file in (*known, *layers)}
    before = so_far(site.world)
    yield
    after = so_far(site.world)
    for file in known:
        assert after.sent[file.url] - before.sent[file.url] <= file.size - there[file], file
    for layer in layers:
        assert there[layer] < layer.size or after.asked_for[layer.digest] == before.asked_for[layer.digest], layer
    missing = sum(layer.size - there[layer] for layer in layers)
    connections = after.connections - before.connections
    assert after.carried - before.carried <= missing + OVERHEAD * connections


def demand_only_whole_files(site: BuildSite) -> None:
    """Under the names that others believe."""
    for path in site.cache.glob("sha256/*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for path in site.folder.glob("*.lock"):
        json.loads(path.read_bytes())


def demand_the_bundle(site: BuildSite, whole: Whole) -> None:
    """Nothing else is left, neither beside it nor half in the cache."""
    site.verify()
    assert site.sums == whole.sums
    demand_only_whole_files(site)
    assert {path.name for path in site.folder.iterdir()} == {"tiny.yaml", "tiny.lock", "cache", "out"}
    assert list(site.cache.glob("aside/*")) == []
    # A kill in the very moment in which a file becomes whole leaves the note of where its bytes were from.
    assert {path.suffix for path in site.cache.glob("partial/*")} <= {".json"}
