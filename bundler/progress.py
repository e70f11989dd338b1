"""What long work tells of itself. Logic calls these and never prints; bundler.console is one who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Lock
from typing import Protocol

Advance = Callable[[int], None]  # told of bytes done since the last call, from any thread; less than 0: all in vain
Tell = Callable[[str], None]  # told a line that the person should read


class Meter(Protocol):
    """``with meter("driver", size) as advance``: one moving item, of ``total`` bytes if that is known.

    ``done`` of them were there before, by an earlier run.
    """

    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> AbstractContextManager[Advance]: ...


@contextmanager
def unwatched(_what: str, _total: int | None, /, *, done: int = 0) -> Iterator[Advance]:  # noqa: ARG001 # a Meter's
    """The Meter of those who do not look."""

    def advance(count: int) -> None:
        pass

    yield advance


@contextmanager
def counting(meter: Meter, what: str, total: int, done: int) -> Iterator[Meter]:
    """A Meter whose items also move one over all of them, of which ``done`` bytes were there before."""
    with meter(what, total, done=done) as advance_all:
        yield also_moving(meter, lambda: advance_all)


@contextmanager
def summing(meter: Meter, what: str) -> Iterator[Meter]:
    """The same for items of which nobody knows the sum; what is over all of them begins with the first."""
    lock, over_all = Lock(), ExitStack()
    begun: list[Advance] = []

    def advance_all() -> Advance:
        with lock:
            if not begun:
                begun.append(over_all.enter_context(meter(what, None)))
            return begun[0]

    with over_all:
        yield also_moving(meter, advance_all)


def called(meter: Meter, name: str) -> Meter:
    """Its items under another name than their own."""

    def renamed(_what: str, total: int | None, /, *, done: int = 0) -> AbstractContextManager[Advance]:
        return meter(name, total, done=done)

    return renamed


def also_moving(meter: Meter, other: Callable[[], Advance]) -> Meter:
    """Its items tell ``other`` as well, which is asked for when an item begins."""

    @contextmanager
    def moving(what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        advance_other = other()
        with meter(what, total, done=done) as advance:

            def advance_both(count: int) -> None:
                advance(count)
                advance_other(count)

            yield advance_both

    return moving
