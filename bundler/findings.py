"""What a rule found: which rule, where, what, the remedy, and the class of error it is."""

from dataclasses import dataclass, field
from typing import Final

from installer.errors import (
    AirgapError,
    DamagedError,
    MalformedError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from installer.preflight.finding import PROBLEM, WARNING

_CLASSES: Final = {
    kind.exit_code: kind for kind in (UsageError, MalformedError, DamagedError, RefusedError, UnreachableError)
}


@dataclass(frozen=True)
class Finding:
    """``rule`` is its kebab-case name, ``where`` a path in the manifest (``serve.args``) or a file of the bundle.

    ``fix`` is the change or command to try next. ``exit_code`` is that of the class of error, 0 of a warning.
    ``judged_by`` is what a guess rests on, "" where it is none; it is the same finding once more is known.
    """

    rule: str
    where: str
    what: str
    fix: str
    exit_code: int
    judged_by: str = field(default="", compare=False)

    @property
    def severity(self) -> str:
        return "error" if self.exit_code else "warning"

    @property
    def text(self) -> str:
        return f"[{self.rule}] {self.where}: {self._what_and_why}"

    def error(self) -> AirgapError:
        """What a build raises for it."""
        if not self.exit_code:
            raise AssertionError(f"{self.rule}: a warning is no error")
        return _CLASSES[self.exit_code](self.text, hint=self.fix)

    def document(self) -> dict[str, str | int | bool]:
        """With the keys that a finding of preflight has; nothing of lint can be ignored."""
        return {
            "name": self.rule,
            "level": PROBLEM if self.exit_code else WARNING,
            "where": self.where,
            "what": self._what_and_why,
            "fix": self.fix,
            "ignored": False,
            "exit_code": self.exit_code,
        }

    @property
    def _what_and_why(self) -> str:
        return f"{self.what} (judged by {self.judged_by})" if self.judged_by else self.what


def mistaken(rule: str, where: str, what: str, fix: str) -> Finding:
    """The manifest contradicts itself."""
    return Finding(rule, where, what, fix, UsageError.exit_code)


def refused(rule: str, where: str, what: str, fix: str) -> Finding:
    """It cannot work, or must not."""
    return Finding(rule, where, what, fix, RefusedError.exit_code)


def warned(rule: str, where: str, what: str, fix: str, judged_by: str = "") -> Finding:
    """It may work, but a person should know."""
    return Finding(rule, where, what, fix, 0, judged_by)


def raised(rule: str, where: str, problem: AirgapError, fix: str) -> Finding:
    """``problem``, which another part of the program raised, as what ``rule`` found; ``fix`` where it has no hint."""
    return Finding(rule, where, str(problem).removeprefix(f"{where}: "), problem.hint or fix, problem.exit_code)
