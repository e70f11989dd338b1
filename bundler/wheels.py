"""Pinned files of PyPI: a row of a table of wheels, and names as PyPI compares them."""

import importlib.resources
import re
from dataclasses import dataclass

from installer.index.strict import Place, parse_json

_TABLE = "wheels.json"
_LARGEST = 256 << 20  # bytes


@dataclass(frozen=True)
class Wheel:
    """One wheel for linux x86_64 with glibc 2.17; ``name`` in its normal form."""

    name: str
    version: str
    url: str
    size: int
    sha256: str

    @classmethod
    def read(cls, at: Place) -> "Wheel":
        at.only("name", "version", "url", "size", "sha256")
        return cls(
            at.text("name"), at.text("version"), at.text("url"), at.integer("size", 1, _LARGEST), at.text("sha256")
        )

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]


def pinned_wheels(package: str, python: str) -> tuple[Wheel, ...]:
    """For a Python like 3.12, in the order of the table that lies beside the modules of ``package``."""
    data = importlib.resources.files(package).joinpath(_TABLE).read_bytes()
    return tuple(Wheel.read(at) for at in Place.of(parse_json(data, _TABLE), _TABLE).each(python))


def normal_name(name: str) -> str:
    """As PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
