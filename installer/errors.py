"""Every error a person may see, one class per exit code of both sides."""

from typing import ClassVar


class AirgapError(Exception):
    """What is wrong, where, and (``hint``) the command or change to try next.

    ``authenticated`` is whether an anchored key had signed the bundle that this is about; None where that was
    not found out.
    """

    exit_code: ClassVar[int] = 1
    authenticated: bool | None = None

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class UsageError(AirgapError):
    """An option or the manifest is wrong."""

    exit_code = 2


class NotAuthenticError(AirgapError):
    """No anchored key vouches for the bundle. "Could not check" counts as "not authentic"."""

    exit_code = 3
    authenticated = False


class MalformedError(AirgapError):
    """The signed lists contradict the bundle format or each other."""

    exit_code = 4


class DamagedError(AirgapError):
    """The medium does not hold what the signed lists say."""

    exit_code = 5


class RefusedError(AirgapError):
    """Authentic, but against policy (sequence, name) or not for this node."""

    exit_code = 6


class EnvironmentProblemError(AirgapError):
    """Something outside the bundle stands in the way: rights, space, a port, a bad block."""

    exit_code = 7


class LockedError(AirgapError):
    """Another run is at work."""

    exit_code = 8


class StepError(AirgapError):
    """A step failed; the same command again resumes."""

    exit_code = 9


class ToleratedError(StepError):
    """What a step could not do, and an install goes on without: it is told as a warning."""


class UnreachableError(AirgapError):
    """A source or a peer could not be reached; the same command again resumes."""

    exit_code = 10


class RebootNeededError(AirgapError):
    """The node must be rebooted, then the same command again goes on."""

    exit_code = 20


def printable(text: str) -> str:
    """``text`` with every control character escaped, so that no value can drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
