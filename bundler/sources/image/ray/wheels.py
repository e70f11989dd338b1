"""The Ray that is added to an image without one: pinned wheels for each Python, and what Ray needs besides.

The table has a row per file of `pip download --only-binary=:all: --platform manylinux2014_x86_64 --python-version 3.X
ray==VERSION`: a file's address at PyPI follows from its BLAKE2b-256 digest, so any index can be asked for it.
"""

import importlib.resources
import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from installer.errors import RefusedError

RAY: Final = "2.60.0"
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Wheel:
    """One file of PyPI for manylinux2014_x86_64; ``name`` in its normal form, as PyPI compares names."""

    name: str
    version: str
    url: str
    size: int
    sha256: str


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
    table = json.loads(importlib.resources.files("bundler.sources.image.ray").joinpath("wheels.json").read_bytes())
    return tuple(Wheel(**row) for row in table[python])
