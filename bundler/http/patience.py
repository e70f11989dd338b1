"""How long a failing server is asked again: a count of tries without a byte, and growing pauses between them."""

import email.utils
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from bundler.progress import Tell
from installer.errors import AirgapError, UnreachableError

AGAIN = "the same command again goes on where this one ended"
_TRIES = 6  # without a byte: about 16 seconds of pauses
_LONGEST_PAUSE = 30.0  # seconds
_LONGEST_WISH = 600.0  # seconds; a server that wants us to wait longer ends the run, which tells the person
_WORTH_A_LINE = 3.0  # seconds
_LEAST_TIME = 1e9  # seconds since 1970: of 2001
_COUNT = re.compile(r";\s*([rt])=([0-9]{1,9})(?![^;,\s])")


class TroubleError(Exception):
    """An answer that is no use, or none at all: it may go better the next time."""

    def __init__(
        self,
        what: str,
        *,
        retry_after: str = "",
        unless_said: float | None = None,
        hint: str = AGAIN,
        lasting: type[AirgapError] = UnreachableError,
    ) -> None:
        super().__init__(what)
        self.retry_after = retry_after  # the header as it came
        self.unless_said = unless_said  # seconds to wait where that header says nothing
        self.hint = hint
        self.lasting = lasting  # what it is if it does not pass


def _quietly(_line: str) -> None:
    pass


def _unheard() -> None:
    pass


def _always(_failures: int) -> bool:
    return True


@dataclass(frozen=True)
class Patience:
    """With the clock, the chance and the pauses that it goes by."""

    tries: int = _TRIES
    tell: Tell = _quietly
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time  # seconds since 1970, as Retry-After may be a date
    chance: Callable[[], float] = random.random

    def trying(
        self, what: str, given_up: Callable[[], None] = _unheard, is_news: Callable[[int], bool] = _always
    ) -> "Trying":
        """``given_up`` is told when there is no more to wait for; ``is_news`` says if that many failures get a line."""
        return Trying(self, what, given_up, is_news)


class Trying:
    """The tries for one thing."""

    def __init__(
        self, patience: Patience, what: str, given_up: Callable[[], None], is_news: Callable[[int], bool]
    ) -> None:
        self._patience = patience
        self._what = what
        self._given_up = given_up
        self._is_news = is_news
        self._failures = 0

    def got_further(self) -> None:
        """Bytes arrived that were not there before: the line works, if badly."""
        self._failures = 0

    def pause(self, trouble: TroubleError) -> None:
        """Wait before the next try; an error if ``trouble`` was the last that is taken."""
        self._failures += 1
        if self._failures >= self._patience.tries:
            self._given_up()
            raise trouble.lasting(f"{self._what}: {trouble}", hint=trouble.hint) from trouble
        seconds = self._seconds(trouble)
        if seconds >= _WORTH_A_LINE and self._is_news(self._failures):
            self._patience.tell(f"{self._what}: {trouble}; trying again in {seconds:.0f} s")
        self._patience.sleep(seconds)

    def _seconds(self, trouble: TroubleError) -> float:
        wish = wished_seconds(trouble.retry_after, self._patience.now())
        if wish is None:
            wish = trouble.unless_said
        if wish is None:
            # Half of it by chance: those who were cut off together shall not come back together.
            return pause_after(self._failures) * (1 + self._patience.chance()) / 2
        if wish > _LONGEST_WISH:
            self._given_up()
            raise UnreachableError(
                f"{self._what}: {trouble}, and wants to be left alone for {wish / 60:.0f} minutes",
                hint=f"wait that long; {AGAIN}",
            ) from trouble
        # A clock that is behind, or "at once", must not make of the tries a volley.
        return max(wish, pause_after(self._failures) / 2) + self._patience.chance()


def pause_after(failures: int) -> float:
    """Seconds, for ``failures`` of at least 1 in a row."""
    return min(0.5 * 2.0 ** (failures - 1), _LONGEST_PAUSE)


def wished_seconds(retry_after: str, now: float) -> float | None:
    """What a Retry-After header asks for, by number or date; None if it says nothing that can be read.

    Some servers write the time as a number: what would be thirty years is seconds since 1970.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        number = float(text[:18])
        return number if number < _LEAST_TIME else max(0.0, number - now)
    try:
        date = email.utils.parsedate_to_datetime(text)
        # An old form names no zone: all are of universal time (RFC 9110, section 5.6.7).
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def reset_seconds(rate_limit: str) -> float | None:
    """Until a server that counts begins anew, by its RateLimit header: `"api";r=0;t=120` has r left for t seconds."""
    counts = [dict(_COUNT.findall(count)) for count in rate_limit.split(",")]
    spent = [count for count in counts if count.get("r") == "0"] or counts
    return max((float(count["t"]) for count in spent if "t" in count), default=None)
