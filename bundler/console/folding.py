"""Text that is too long for a line of a terminal, in several, as people read a list."""

import os
import textwrap
from typing import TextIO

_USUAL = 80  # columns, where a terminal does not tell
_LEAST = 20  # columns for the words; in a narrower terminal the terminal itself breaks them


def columns_of(stream: TextIO) -> int | None:
    """Of the terminal behind ``stream``; None where there is none: programs want what belongs together in one line."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except OSError:
        return _USUAL


def folded(text: str, columns: int | None, hanging: int) -> list[str]:
    """Lines of ``columns`` at most, the second and later ones ``hanging`` columns in. A word is never broken.

    What is one line stays one line: where ``columns`` is None, and where they are too few.
    """
    if columns is None or columns < hanging + _LEAST or len(text) <= columns:
        return [text]
    return textwrap.wrap(text, columns, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False)
