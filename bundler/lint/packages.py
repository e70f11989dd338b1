"""Whether the packages that the nodes lack go together, once they are locked and here."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from bundler.findings import Finding
from bundler.lint.case import Case, Rule, Rules
from bundler.packages.closure import RULES as PACKAGE_RULES
from bundler.sources.runtime.glibc import target_of


def _of_the_packages(name: str, case: Case) -> Iterator[Finding]:
    return PACKAGE_RULES[name](case.packages, target_of(case.manifest)) if case.packages else iter(())


_ALL: Final[dict[str, Rule]] = {name: partial(_of_the_packages, name) for name in PACKAGE_RULES}
RULES: Final[Rules] = _ALL
