"""Pieces of one part come together, and stay in the order of the manifest."""

import threading
import time
from dataclasses import replace

from bundler.sources.several import take_several
from bundler.workplace import Workplace
from tests.unit.bundler.making import Site
from tests.unit.bundler.test_totals import Heard


def test_as_many_at_a_time_as_the_person_wants(site: Site) -> None:
    together = threading.Barrier(site.work.jobs, timeout=5)

    def take(item: int, _work: Workplace) -> int:
        together.wait()
        time.sleep(0.001 * (6 - item))
        return item * 2

    assert take_several("numbers", take, range(6), site.work) == [0, 2, 4, 6, 8, 10]
    assert take_several("numbers", take, (), site.work) == []


def test_several_have_a_sum_and_one_has_none(site: Site) -> None:
    def take(item: int, work: Workplace) -> int:
        with work.meter(f"number {item}", None):
            return item

    for count, expected in ((1, ["number 0"]), (2, ["number 0", "number 1", "numbers"])):
        heard = Heard()
        take_several("numbers", take, range(count), replace(site.work, meter=heard))
        assert sorted(name for name, _, _ in heard.begun) == expected
