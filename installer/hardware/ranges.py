"""A number that is not known exactly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

End = Literal["low", "likely", "high"]
OPPOSITE: dict[End, End] = {"low": "high", "likely": "likely", "high": "low"}


@dataclass(frozen=True)
class Range:
    """``low`` and ``high`` are what it may be, ``likely`` what the formulas give."""

    low: int
    likely: int
    high: int

    def __post_init__(self) -> None:
        if not self.low <= self.likely <= self.high:
            raise AssertionError(f"{self} is not in order")

    def at(self, end: End) -> int:
        return {"low": self.low, "likely": self.likely, "high": self.high}[end]

    def map(self, change: Callable[[int], int]) -> "Range":
        """``change`` must not turn the order round."""
        return Range(change(self.low), change(self.likely), change(self.high))

    def document(self) -> dict[str, int]:
        return {"low": self.low, "likely": self.likely, "high": self.high}
