"""Pieces of one part come together, and stay in the order of the manifest."""

import threading
import time

from bundler.sources.several import take_several
from bundler.workplace import Workplace
from tests.unit.bundler.making import Site


def test_as_many_at_a_time_as_the_person_wants(site: Site) -> None:
    together = threading.Barrier(site.work.jobs, timeout=5)

    def take(item: int, _work: Workplace) -> int:
        together.wait()
        time.sleep(0.001 * (6 - item))
        return item * 2

    assert take_several(take, range(6), site.work) == [0, 2, 4, 6, 8, 10]
    assert take_several(take, (), site.work) == []
