"""A bar for everything that moves, the one that began first on top."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from tqdm import tqdm

from bundler.console import words
from bundler.console.output import write_line, write_piece
from bundler.progress import Advance
from bundler.sizes import in_units, part_in_units
from installer.errors import printable

if TYPE_CHECKING:
    _Tqdm = tqdm[NoReturn]
else:
    _Tqdm = tqdm

_USUAL_WIDTH = 80  # columns, where the stream does not tell
_NARROW = 60  # columns, below which there is neither a bar nor a size
_FIGURES = 46  # columns of everything but name and bar
_NARROW_FIGURES = 26
_SHORTEST_NAME = 8
_LAYER = re.compile(r" layer [0-9]+/[0-9]+$")
_SMOOTHING = 0.05  # the last seconds count: faster, and no figure can be read


class Bars:
    """They go when they end, and leave a line. Colours are not used, so that NO_COLOR is kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()
        self._open: set[_Bar] = set()

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        bar = self._begin(what, total, done)

        def advance(count: int) -> None:
            with self._lock:
                bar.move(count)

        start = time.monotonic()
        try:
            yield advance
        finally:
            self._end(bar)
        how = words.done_as(int(bar.n), bar.before, time.monotonic() - start)
        self.write(f"{_fitting(printable(what), bar.width - len(how) - 3)}: {how}")

    def write(self, line: str) -> None:
        with self._lock, tqdm.external_write_mode(file=self._stream):
            write_line(line, self._stream)

    def close(self) -> None:
        """Also those of threads that hang on a dead line and are waited for by nobody."""
        for bar in tuple(self._open):
            self._end(bar)

    def _begin(self, what: str, total: int | None, done: int) -> "_Bar":
        with self._lock:
            bar = _Bar(
                desc=printable(what),
                total=total,
                initial=done,
                leave=False,
                dynamic_ncols=True,
                smoothing=_SMOOTHING,
                file=self._stream,
            )
            bar.before = done
            self._open.add(bar)
            return bar

    def _end(self, bar: "_Bar") -> None:
        with self._lock:
            bar.close()
            self._open.discard(bar)
            write_piece("\r", self._stream)  # tqdm leaves the cursor behind what it wiped out below the first bar


class _Bar(_Tqdm):
    """Says what we say, in our units, and always on one line: what the terminal has no room for is left out."""

    before: int  # bytes that were there when it began, and are still

    def move(self, count: int) -> None:
        self.update(count)
        self.before = min(self.before, int(self.n))

    @property
    def format_dict(self) -> dict[str, Any]:
        told = dict(super().format_dict)
        width = told["ncols"] or _USUAL_WIDTH
        return {**told, "ncols": width, "bar_format": _layout(self.desc, told, width).replace("{}", "{bar}")}

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return int(super().format_dict["ncols"] or _USUAL_WIDTH)


def _layout(name: str, told: dict[str, Any], width: int) -> str:
    """One line, with {} where the bar is to be."""
    there, total, elapsed = told["n"], told["total"], told["elapsed"]
    speed = told["rate"] or ((there - told["initial"]) / elapsed if elapsed else 0)
    how_fast = f"{in_units(int(speed))}/s"
    if total is None:
        return f"{label_of(name, width - _NARROW_FIGURES)} {in_units(there):>10} {how_fast:>13}"
    left = words.in_minutes((total - there) / speed) if speed > 0 else ""
    percent = words.percent(there, total)
    if width < _NARROW:
        return f"{label_of(name, width - _NARROW_FIGURES)} {percent:>5} {how_fast:>12} {left:>6}"
    return (
        f"{label_of(name, (width - _FIGURES) * 2 // 3)} {{}} {part_in_units(there, total):>17} {how_fast:>13} {left:>8}"
    )


def label_of(name: str, width: int) -> str:
    """As wide as that in any case; braces are for the bar alone."""
    return _fitting(name.replace("{", "(").replace("}", ")"), width).ljust(max(width, _SHORTEST_NAME))


def _fitting(name: str, width: int) -> str:
    """Of a name that is too long what tells it from others beside it: neither folders nor the end of a file's name."""
    width = max(width, _SHORTEST_NAME)
    if len(name) <= width:
        return name
    layer = found[0] if (found := _LAYER.search(name)) else ""
    file = name.removesuffix(layer) if layer else name.rpartition(" ")[2]
    return f"{_cut(file.rpartition('/')[2], max(width - len(layer), _SHORTEST_NAME))}{layer}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2]}.."
