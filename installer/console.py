"""All that a person sees of the program on a node."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import NoReturn

from tqdm import tqdm

from installer.errors import AirgapError, printable
from installer.health import Health
from installer.preflight import Report
from installer.step import Applied, Holds, Pending, StepEvent, Tolerated
from installer.trust.contents import Advance
from installer.trust.opened import Bundle

_LINES_PER_COPY = 10
_WIDTH = 118  # columns of a table that no terminal shows
_LEAST_WIDTH = 60  # columns of a table; a narrower terminal breaks its lines itself


class Console:
    """Plain lines, and one progress bar where standard error is a terminal. Output that nobody reads is no error.

    ``also`` gets every line too.
    """

    def __init__(
        self, *, quiet: bool = False, progress: bool = True, also: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._also = also
        self._quiet = quiet
        self._bars = progress and not quiet and sys.stderr.isatty()
        self._bar: tqdm[NoReturn] | None = None
        self._done = self._total = self._tenths = 0
        self._lock = Lock()
        self._waited_for = ""

    def say(self, line: str) -> None:
        if not self._quiet:
            self.write(line)

    def write(self, line: str) -> None:
        self._also(printable(line))
        with suppress(OSError, ValueError):
            sys.stdout.write(f"{printable(line)}\n")
            sys.stdout.flush()

    def show_waiting(self, what: str) -> None:
        """Once per change: it is told again and again."""
        if what != self._waited_for:
            self._waited_for = what
            self.say(f"waiting  {what}")

    def show_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.say(line)

    def show_report(self, report: Report) -> None:
        self.show_lines(report.table(self._width))

    def show_remarks(self, report: Report) -> None:
        """What an install tells, and goes on."""
        self.show_lines(report.rows(report.remarks, self._width))

    def show_json(self, document: object) -> None:
        self.write(json.dumps(document, sort_keys=True))

    @property
    def _width(self) -> int:
        """In columns: as COLUMNS says, or else the terminal."""
        return max(_LEAST_WIDTH, shutil.get_terminal_size((_WIDTH, 0)).columns)

    def show_step(self, event: StepEvent) -> None:
        match event:
            case Holds(title):
                self.say(f"ok       {title}")
            case Pending(title, reason):
                self.say(f"pending  {title}: {reason}")
            case Applied(title, seconds):
                self.say(f"done     {title} ({seconds:.1f} s)")
            case Tolerated(title, problem, fix):
                self.say(f"warning: {title}: {problem}")
                self.say(f"         fix: {fix}")

    def show_bundle(self, bundle: Bundle) -> None:
        index = bundle.index
        self.say(f"bundle   {index.name} {index.version}, sequence {index.sequence}, by {bundle.signers.anchored_by}")
        for warning in bundle.warnings:
            self.say(f"warning: {warning}")

    def show_health(self, health: Health) -> None:
        if health.missing:
            self.say(f"waiting  {health.missing}")
        if health.waiting:
            self.say(f"waiting  {health.waiting}")
        self.show_lines(health.peers)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """A bar, or a line for every tenth; what it gives may be called from several threads."""
        self._total, self._done, self._tenths = total, 0, 0
        if total and self._bars:
            self._bar = tqdm(total=total, desc=what, unit="B", unit_scale=True, file=sys.stderr, leave=False)
        elif total:
            self.say(f"{what}: {total / 1e6:.0f} MB")
        try:
            yield self._advance
        finally:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def _advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._bar is not None:
                self._bar.update(count)
                return
            tenths = _LINES_PER_COPY * self._done // max(1, self._total)
            if self._tenths < tenths <= _LINES_PER_COPY:
                self._tenths = tenths
                self.say(f"  {self._done / 1e6:.0f} of {self._total / 1e6:.0f} MB")

    def show_error(self, error: AirgapError) -> None:
        lines = [printable(line) for line in str(error).split("\n")]
        with suppress(OSError, ValueError):
            sys.stderr.write("error: " + "\n".join(lines) + "\n")
            if error.hint:
                sys.stderr.write(f"hint: {printable(error.hint)}\n")
            sys.stderr.flush()


def open_closed_streams() -> None:
    """The next file that is opened would get a closed stream's number, and what we say would go into that file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def silence_broken_pipes() -> None:
    """The interpreter flushes once more at exit; a reader that went away is no error of ours."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
