"""Many at a time, one error for all, and nobody waits for the dead."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bundler.parallel import in_parallel
from bundler.progress import Advance, Meter, unwatched
from installer.errors import UnreachableError


def test_every_item_is_worked_on_once_and_several_at_a_time() -> None:
    together = threading.Barrier(3, timeout=5)
    done: list[int] = []

    def work(item: int, _meter: Meter) -> None:
        together.wait()
        done.append(item)

    in_parallel(work, range(9), 3, unwatched)
    assert sorted(done) == list(range(9))
    in_parallel(work, (), 3, unwatched)


def test_the_first_error_ends_the_others_soon() -> None:
    ended: list[str] = []

    def work(item: str, meter: Meter) -> None:
        if item == "bad":
            raise UnreachableError("gone")
        try:
            with meter(item, None) as advance:
                for _ in range(1000):
                    time.sleep(0.005)
                    advance(1)
        finally:
            ended.append(item)

    start = time.monotonic()
    with pytest.raises(UnreachableError, match="gone"):
        in_parallel(work, ("one", "bad", "never begun"), 2, unwatched)
    assert time.monotonic() - start < 2
    assert ended == ["one"]


def test_who_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def work(item: str, _meter: Meter) -> None:
        if item == "bad":
            raise UnreachableError("gone")
        over.wait(30)

    start = time.monotonic()
    with pytest.raises(UnreachableError):
        in_parallel(work, ("hangs", "bad"), 2, unwatched)
    assert time.monotonic() - start < 5
    over.set()


def test_the_meter_hears_of_all() -> None:
    heard: list[tuple[str, int | None, int, int]] = []

    @contextmanager
    def meter(what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        yield lambda count: heard.append((what, total, done, count))

    def work(item: str, meter: Meter) -> None:
        with meter(item, 10, done=4) as advance:
            advance(6)

    in_parallel(work, ("x",), 4, meter)
    assert heard == [("x", 10, 4, 6)]
