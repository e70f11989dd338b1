"""What a person sees: bars on a terminal, plain lines elsewhere, results, and errors with their hint."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NoReturn, TextIO

from tqdm import tqdm

from bundler.progress import Advance, Meter, unwatched
from bundler.sizes import in_units
from installer.errors import AirgapError, printable

_LINE_EVERY = 15  # seconds between two plain lines of one item


class Bars:
    """One bar per moving item, and one over all of them whose size is known."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()
        self._total: tqdm[NoReturn] | None = None

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        overall = self._grown(total or 0, 0 if total is None else done)
        bar = self._bar(what, total, done)

        def advance(count: int) -> None:
            with self._lock:
                bar.update(count)
                if total is not None:
                    overall.update(count)

        start = time.monotonic()
        try:
            yield advance
        finally:
            bar.close()
        self.write(_done(what, int(bar.n), done, time.monotonic() - start))

    def write(self, line: str) -> None:
        tqdm.write(line, file=self._stream)

    def close(self) -> None:
        if self._total is not None:
            self._total.close()
            self._total = None

    def _grown(self, more: int, done: int) -> "tqdm[NoReturn]":
        with self._lock:
            if self._total is None:
                self._total = self._bar("total", 0, 0)
            self._total.total = (self._total.total or 0) + more
            # What was there before counts as done, and not as fast.
            self._total.initial += done
            self._total.n += done
            return self._total

    def _bar(self, what: str, total: int | None, done: int) -> "tqdm[NoReturn]":
        return tqdm(
            desc=printable(what)[:40],
            total=total,
            initial=done,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            leave=False,
            dynamic_ncols=True,
            file=self._stream,
        )


class Lines:
    """For logs: a line when an item is done, and one now and then while it takes long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        start = last = time.monotonic()
        there = done

        def advance(count: int) -> None:
            nonlocal there, last
            with self._lock:
                there += count
                now = time.monotonic()
                if now - last < _LINE_EVERY:
                    return
                last = now
                self.write(_underway(what, there, total))

        yield advance
        self.write(_done(what, there, done, time.monotonic() - start))

    def write(self, line: str) -> None:
        _print(line, self._stream)

    def close(self) -> None:
        pass


class Console:
    """Results go to stdout, all else to stderr."""

    def __init__(self, *, quiet: bool, progress: bool) -> None:
        self._quiet = quiet
        self._progress: Bars | Lines | None = None
        if progress and not quiet:
            self._progress = Bars(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)
        self.meter: Meter = self._progress or unwatched

    def close(self) -> None:
        if self._progress:
            self._progress.close()

    def tell(self, text: str) -> None:
        if not self._quiet:
            self._write(text)

    def warn(self, text: str) -> None:
        """What a person must not miss, however quiet it shall be."""
        self.point_out(f"warning: {text}")

    def point_out(self, text: str) -> None:
        """A finding, which says itself how bad it is; a person must not miss it either."""
        self._write(text)

    def _write(self, text: str) -> None:
        write = self._progress.write if self._progress else _to_stderr
        write(printable(text))

    def say(self, text: str) -> None:
        """A line of the result, which comes after all that moves."""
        self.close()
        _print(printable(text), sys.stdout)

    def say_json(self, text: str) -> None:
        """A document of ours; JSON escapes control characters by itself."""
        self.close()
        _print(text, sys.stdout)


def show_error(error: AirgapError) -> None:
    _to_stderr(f"error: {printable(str(error))}")
    if error.hint:
        _to_stderr(f"hint: {printable(error.hint)}")


def _to_stderr(line: str) -> None:
    _print(line, sys.stderr)


def _print(line: str, stream: TextIO) -> None:
    """The work is done; a closed pipe or a full disk behind the output does not change its result."""
    try:
        print(line, file=stream, flush=True)
    except OSError:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 # what is left in the buffer must go somewhere at exit
            os.dup2(nowhere.fileno(), stream.fileno())
    except ValueError:  # closed
        pass


def _done(what: str, there: int, before: int, seconds: float) -> str:
    of = f", {in_units(there - before)} of it" if before else ""
    return f"{printable(what)}: {in_units(there)}{of} in {seconds:.1f} s"


def _underway(what: str, there: int, total: int | None) -> str:
    of = f" of {in_units(total)}" if total is not None else ""
    return f"{printable(what)}: {in_units(there)}{of}"
