"""A line on a stream that may be gone."""

import os
from typing import TextIO


def write_line(line: str, stream: TextIO) -> None:
    write_piece(f"{line}\n", stream)


def write_piece(text: str, stream: TextIO) -> None:
    """The work is done; a closed pipe or a full disk behind the output does not change its result."""
    try:
        stream.write(text)  # in one piece, so that nothing of another thread gets into it
        stream.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 # what is left in the buffer must go somewhere at exit
            os.dup2(nowhere.fileno(), stream.fileno())
    except ValueError:  # closed
        pass
