"""All rules, family after family, and what they find together."""

from typing import Final

from bundler.findings import Finding
from bundler.lint import (
    closure,
    formats,
    hidden,
    image,
    lengths,
    locked,
    mirrors,
    node_driver,
    packages,
    quantization,
    sizes,
    trouble,
)
from bundler.lint.case import Case, Rules

FAMILIES: Final = (
    sizes,
    lengths,
    closure,
    formats,
    packages,
    image,
    mirrors,
    quantization,
    trouble,
    node_driver,
    hidden,
    locked,
)
RULES: Final[Rules] = {name: rule for family in FAMILIES for name, rule in family.RULES.items()}


def findings(case: Case) -> tuple[Finding, ...]:
    """Each once, also where a rule comes to it by two ways."""
    return tuple(dict.fromkeys(finding for rule in RULES.values() for finding in rule(case)))


def refuse_errors(case: Case) -> None:
    """Raise the first of them; warnings never fail."""
    for finding in findings(case):
        if finding.exit_code:
            raise finding.error()
