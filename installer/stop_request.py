"""Ctrl-C, SIGTERM and a lost terminal: an install ends cleanly between two steps, not within one."""

import signal
from types import FrameType

from installer.errors import AirgapError


class InterruptedRunError(AirgapError):
    """Asked to stop, and stopped where the next run can go on."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}", hint="the same command again goes on from here")
        self.number = number


class StopRequest:
    """Remembers the first signal; a second Ctrl-C ends the program at once."""

    def __init__(self) -> None:
        self._number = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def check(self) -> None:
        """Raise InterruptedRunError if a signal came."""
        if self._number:
            raise InterruptedRunError(self._number)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._number:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        # A lost terminal ends an install as SIGTERM does.
        self._number = signal.SIGTERM if number == signal.SIGHUP else number
