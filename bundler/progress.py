"""What long work tells of itself. Logic calls these and never prints; bundler.console is one who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]  # told of bytes done since the last call, from any thread
Tell = Callable[[str], None]  # told a line that the person should read


class Meter(Protocol):
    """``with meter("driver", size) as advance``: one moving item, of ``total`` bytes if that is known."""

    def __call__(self, what: str, total: int | None, /) -> AbstractContextManager[Advance]: ...


@contextmanager
def unwatched(_what: str, _total: int | None) -> Iterator[Advance]:
    """The Meter of those who do not look."""

    def advance(count: int) -> None:
        pass

    yield advance
