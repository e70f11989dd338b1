"""For logs: a line where an item begins and where it ends, and one now and then while it takes long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

from bundler.console import words
from bundler.console.output import write_line
from bundler.progress import Advance

_EVERY = 15  # seconds between two lines of one item


class Lines:
    """Never two on one line, whichever threads they are of."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = Lock()

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        start = last = self._clock()
        there = before = done
        lock = Lock()

        def advance(count: int) -> None:
            nonlocal there, before, last
            with lock:
                there += count
                before = min(before, there)
                now = self._clock()
                if now - last < _EVERY:
                    return
                last = now
                line = words.underway(what, there, total, (there - before) / (now - start))
            self.write(line)

        self.write(words.begun(what, total, done))
        yield advance
        self.write(words.done(what, there, before, self._clock() - start))

    def write(self, line: str) -> None:
        with self._lock:
            write_line(line, self._stream)

    def close(self) -> None:
        pass
