"""What a check found."""

from dataclasses import dataclass

PROBLEM, WARNING = "problem", "warning"


@dataclass(frozen=True)
class Finding:
    """A problem keeps an install from succeeding; a warning is what a person should know before."""

    name: str  # of the check, as --ignore-preflight takes it
    level: str  # PROBLEM or WARNING
    what: str
    fix: str  # what a person can type or do


def problem(name: str, what: str, fix: str) -> Finding:
    return Finding(name, PROBLEM, what, fix)


def warning(name: str, what: str, fix: str) -> Finding:
    return Finding(name, WARNING, what, fix)
