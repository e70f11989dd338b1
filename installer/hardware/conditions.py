"""One NVIDIA_REQUIRE_* expression, read as nvidia-container-cli reads it (libnvidia-container, src/cli/dsl.c).

A space is "or", a comma "and". The first alternative whose conditions all hold decides, and what follows it is not
read. A condition that is not understood ends the start of the container, whatever the rest says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Property to value; None of what is not known, of which anything is taken to hold, as if no GPU were visible.
Properties = Mapping[str, str | None]

_CONDITION = re.compile(r"([^<>=!]+)([<>=!]+)(.+)")
_VERSION = re.compile(r"\d[\d.]*")
_IS_TEXT = ("brand",)


@dataclass(frozen=True)
class Outcome:
    """``clause`` is the alternative that holds, ``invalid`` the condition that nobody understands."""

    holds: bool
    clause: str = ""
    invalid: str = ""


def evaluate(expression: str, properties: Properties) -> Outcome:
    """An expression without a condition holds."""
    clauses = alternatives(expression)
    for clause in clauses:
        outcome = _evaluate_clause(clause, properties)
        if outcome.holds or outcome.invalid:
            return outcome
    return Outcome(holds=not clauses)


def alternatives(expression: str) -> tuple[str, ...]:
    return tuple(clause for clause in expression.split(" ") if clause.strip(","))


def conditions(clause: str) -> tuple[str, ...]:
    return tuple(condition for condition in clause.split(",") if condition)


def _evaluate_clause(clause: str, properties: Properties) -> Outcome:
    for condition in conditions(clause):
        found = _meets(condition, properties)
        if found is None:
            return Outcome(holds=False, invalid=condition)
        if not found:
            return Outcome(holds=False)
    return Outcome(holds=True, clause=clause)


def _meets(condition: str, properties: Properties) -> bool | None:
    """None for a condition that is not understood."""
    match = _CONDITION.fullmatch(condition)
    if match is None or match[1].lower() not in properties or match[2] not in _BY_NUMBER:
        return None
    name, operator, wanted = match[1].lower(), match[2], match[3]
    found = properties[name]
    if found is None:
        return True
    return _compare_text(found, operator, wanted) if name in _IS_TEXT else _compare_version(found, operator, wanted)


def _compare_text(found: str, operator: str, wanted: str) -> bool | None:
    """Whatever the case; a text is not less than another."""
    if operator not in {"=", "!="}:
        return None
    return (found.lower() == wanted.lower()) == (operator == "=")


def _compare_version(found: str, operator: str, wanted: str) -> bool | None:
    """Number by number: 550.144.03 is 550.144.3, and 550 is 550.0."""
    if not _VERSION.fullmatch(found) or not _VERSION.fullmatch(wanted):
        return None
    return (_order(found, wanted)) in _BY_NUMBER[operator]


_BY_NUMBER: Mapping[str, tuple[int, ...]] = {
    "=": (0,),
    "!=": (-1, 1),
    "<": (-1,),
    "<=": (-1, 0),
    ">": (1,),
    ">=": (0, 1),
}


def _order(one: str, other: str) -> int:
    first, second = _numbers(one), _numbers(other)
    return (first > second) - (first < second)


def _numbers(version: str) -> tuple[int, ...]:
    """Without the zeros at its end."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
