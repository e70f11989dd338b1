"""The Ray that is added to an image without one: pinned wheels for each Python, and what Ray needs besides.

The table has a row per file of `pip download --only-binary=:all: --platform manylinux2014_x86_64 --python-version 3.X
ray==VERSION`: a file's address at PyPI follows from its BLAKE2b-256 digest, so any index can be asked for it.
"""

from functools import cache
from typing import Final

from bundler.wheels import Wheel, pinned_wheels
from installer.errors import RefusedError

RAY: Final = "2.60.0"
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13", "3.14")


def refusal(reference: str, python: str) -> RefusedError | None:
    """Why Ray cannot be added to the image ``reference`` with ``python`` ("" if it is not known); None if it can."""
    if python in PYTHONS:
        return None
    return RefusedError(
        f"{reference} holds no Ray, and Ray {RAY} cannot be added to its "
        f"Python {python or 'of a version that is not known'}",
        hint=f"set `cluster.backend: mp`, or name an image that holds Ray or has Python {', '.join(PYTHONS)}",
    )


@cache
def wheels_for(python: str) -> tuple[Wheel, ...]:
    """Ray first, then all that it requires, for ``python`` (3.12)."""
    return pinned_wheels("bundler.sources.image.ray", python)
