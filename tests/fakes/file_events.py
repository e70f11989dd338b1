"""What the program does to files, as the interpreter audits it: to watch it, and to let it fail there."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of every event; what it raises is raised where the file is used, in whatever thread."""
    _install_hook()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    opened: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            opened.append(os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "")

    with listening(note):
        yield opened


def is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a file or a folder is about to be made, changed or removed."""
    return event in _CHANGES or (event == "open" and bool(arguments[2] & _WRITING))


@cache
def _install_hook() -> None:
    """For the rest of the process: an audit hook cannot be removed."""
    sys.addaudithook(_tell)


def _tell(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in tuple(_listeners):
        listener(event, arguments)
