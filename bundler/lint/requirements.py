"""NVIDIA_REQUIRE_*: what an image demands of driver and GPU before the container toolkit starts it.

A space is "or", a comma "and"; several variables must all hold. Properties are cuda, driver, arch and brand.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bundler.lint.drivers import is_beyond, newest_cuda
from bundler.releases import Release, release
from installer.index.gpus import Gpu

_CONDITION = re.compile(r"(cuda|driver|arch|brand)(>=|<=|!=|=|>|<)(.+)")


@dataclass(frozen=True)
class Verdict:
    """``natively``: not only because the driver's branch is let pass, whose CUDA is an older one."""

    passes: bool
    natively: bool


@dataclass(frozen=True)
class Offer:
    """What a node has. Without ``gpu`` whatever is asked of it is taken to hold."""

    driver: Release
    gpu: Gpu | None

    def meets(self, condition: str) -> bool:
        """A condition that is not understood is taken to hold: the toolkit on the node has the last word."""
        match = _CONDITION.fullmatch(condition)
        if match is None:
            return True
        name, operator, value = match[1], match[2], match[3]
        if name == "brand":
            return self.gpu is None or (value in self.gpu.brands) == (operator == "=")
        wanted, found = release(value), self._number(name)
        return wanted is None or found is None or _holds(found, operator, wanted)

    def _number(self, name: str) -> Release | None:
        """None where nothing is known that could fail."""
        if name == "driver":
            return self.driver
        if name == "arch":
            return (*self.gpu.capability, 0) if self.gpu else None
        return None if is_beyond(self.driver) else newest_cuda(self.driver) or (0, 0, 0)


def judge(requires: Mapping[str, str], offer: Offer) -> Verdict:
    expressions = [clauses for value in requires.values() if (clauses := value.split())]
    met = [[clause for clause in clauses if _meets_all(clause.split(","), offer)] for clauses in expressions]
    return Verdict(all(met), all(any(_is_native(clause) for clause in clauses) for clauses in met))


def _meets_all(conditions: Iterable[str], offer: Offer) -> bool:
    return all(offer.meets(condition) for condition in conditions)


def _is_native(clause: str) -> bool:
    """Other than a clause for a branch, which says ``driver``."""
    return not any(condition.startswith("driver") for condition in clause.split(","))


def _holds(found: Release, operator: str, wanted: Release) -> bool:
    return {
        "=": found == wanted,
        "!=": found != wanted,
        ">": found > wanted,
        ">=": found >= wanted,
        "<": found < wanted,
        "<=": found <= wanted,
    }[operator]
