"""What a person sees: bars on a terminal, plain lines elsewhere, results, and errors with their hint."""

import sys

from bundler.console.bars import Bars
from bundler.console.folding import columns_of, folded
from bundler.console.lines import Lines
from bundler.console.output import write_line
from bundler.progress import Meter, unwatched
from installer.errors import AirgapError, printable

__all__ = ["Console", "show_error"]
_HANGING = 2  # columns


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
        for line in folded(printable(text), columns_of(sys.stderr), _HANGING):
            self._write(line)

    def _write(self, text: str) -> None:
        write = self._progress.write if self._progress else _to_stderr
        write(printable(text))

    def say(self, text: str) -> None:
        """A line of the result, which comes after all that moves."""
        self.close()
        write_line(printable(text), sys.stdout)

    def say_folded(self, text: str, hanging: int = _HANGING) -> None:
        """The same in several lines where a terminal has no room for it in one, the others ``hanging`` columns in."""
        self.close()
        for line in folded(printable(text), columns_of(sys.stdout), hanging):
            write_line(line, sys.stdout)

    def say_script(self, text: str) -> None:
        """A file of ours, as it is."""
        self.close()
        write_line(text, sys.stdout)

    def say_json(self, text: str) -> None:
        """A document of ours; JSON escapes control characters by itself."""
        self.close()
        write_line(text, sys.stdout)


def show_error(error: AirgapError) -> None:
    _to_stderr(f"error: {printable(str(error))}")
    if error.hint:
        _to_stderr(f"hint: {printable(error.hint)}")


def _to_stderr(line: str) -> None:
    write_line(line, sys.stderr)
