"""Version numbers compared by their first three numbers, which is what every rule of ours is about."""

import re
from collections.abc import Iterable

Release = tuple[int, int, int]
_NUMBERS = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def release(version: str) -> Release | None:
    """``0.6.4.post1`` is (0, 6, 4) and ``12.4`` (12, 4, 0); None where no number leads."""
    match = _NUMBERS.match(version)
    if match is None:
        return None
    return (int(match[1]), int(match[2] or 0), int(match[3] or 0))


def dotted(numbers: Iterable[int]) -> str:
    """As people write a version: (0, 6, 4) is 0.6.4, and of CUDA's capabilities (8, 6) 8.6."""
    return ".".join(map(str, numbers))
