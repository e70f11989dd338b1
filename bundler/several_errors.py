"""Several errors that a person can mend before the next try, so they are told together."""

from collections.abc import Sequence

from installer.errors import UsageError


class SeveralError(UsageError):
    """``errors`` are two or more, in the order in which they were found."""

    def __init__(self, errors: Sequence[UsageError]) -> None:
        super().__init__("; ".join(map(str, errors)), hint=errors[0].hint)
        self.errors = tuple(errors)
