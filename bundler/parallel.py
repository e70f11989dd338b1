"""Work that waits for others, many at a time, and nobody waits for it once the run is to end."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TypeVar

from bundler.digesting import Stop
from bundler.progress import Advance, Meter

_GRACE = 2.0  # seconds for the others to notice that the run ends; a kill does no harm to what they do
_Item = TypeVar("_Item")


def in_parallel(work: Callable[[_Item, Meter], object], items: Iterable[_Item], jobs: int, meter: Meter) -> None:
    """Do ``work`` on every item, ``jobs`` at a time; the first error, or Ctrl-C, ends all and is raised.

    A thread that hangs on a dead line is left behind, for it would keep a person waiting for a minute.
    """
    waiting: SimpleQueue[_Item] = SimpleQueue()
    for item in items:
        waiting.put(item)
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    stop = Stop()

    def worker() -> None:
        try:
            while not stop.is_set:
                work(waiting.get_nowait(), _stopping(meter, stop))
        except Empty:
            ended.put(None)
        except BaseException as error:  # noqa: BLE001 # raised again where somebody waits for it
            ended.put(error)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(jobs, waiting.qsize()))]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            if error := ended.get():
                raise error
    finally:
        stop.set()
        for thread in threads:
            thread.join(_GRACE)


def _stopping(meter: Meter, stop: Stop) -> Meter:
    @contextmanager
    def stopping(what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        with meter(what, total, done=done) as advance:
            yield stop.watching(advance)

    return stopping
