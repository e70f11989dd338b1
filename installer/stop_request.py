"""Ctrl-C, SIGTERM and a lost terminal: an install ends cleanly between two steps, not within one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from installer.errors import AirgapError

_SAME = 0.5  # seconds; Ctrl-C reaches launcher and program at once, and the launcher passes it on


class InterruptedRunError(AirgapError):
    """Asked to stop, and stopped where the next run can go on."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}", hint="the same command again goes on from here")
        self.number = number


class StopRequest:
    """Remembers the first signal; a second Ctrl-C ends the program at once. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._number = 0
        self._asked_at = 0.0
        self._waits = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Who was told by nohup not to mind a lost terminal does not.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask)

    def check(self) -> None:
        """Raise InterruptedRunError if a signal came."""
        if self._number:
            raise InterruptedRunError(self._number)

    def is_asked(self) -> bool:
        """For what has no other end."""
        return self._number != 0

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While a person is asked nothing is at work that would have to end first."""
        self._waits = False
        try:
            self.check()
            yield
        finally:
            self._waits = True

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        now = self._clock()
        if self._number and now - self._asked_at < _SAME:
            return
        if self._number:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        self._asked_at = now
        # A lost terminal ends an install as SIGTERM does.
        self._number = signal.SIGTERM if number == signal.SIGHUP else number
        if not self._waits:
            self.check()
