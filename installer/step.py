"""A step, and the one loop that runs steps or tells what they would do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from installer.errors import StepError, ToleratedError
from installer.journal import Journal
from installer.node import Node


class Step(Protocol):
    """One thing that must be true of a node."""

    @property
    def title(self) -> str: ...

    @property
    def replaces(self) -> tuple[str, ...]:
        """Paths at which `apply` may put a file; what was there before is kept for uninstall."""

    def pending(self, node: Node) -> str | None:
        """Why `apply` is needed, or None. Never changes anything, and answers on a bare node too."""

    def apply(self, node: Node) -> None: ...


@dataclass(frozen=True)
class Holds:
    """A step had nothing to do."""

    title: str


@dataclass(frozen=True)
class Pending:
    """A step would be applied, or is about to be."""

    title: str
    reason: str


@dataclass(frozen=True)
class Applied:
    """A step was applied and is true now."""

    title: str
    seconds: float


@dataclass(frozen=True)
class Tolerated:
    """A step could not make all of it true, and the cluster runs without that."""

    title: str
    problem: str
    fix: str


StepEvent = Holds | Pending | Applied | Tolerated
Report = Callable[[StepEvent], None]


def preview(steps: Iterable[Step], node: Node, report: Report) -> None:
    for step in steps:
        reason = step.pending(node)
        report(Holds(step.title) if reason is None else Pending(step.title, reason))


def execute(steps: Iterable[Step], node: Node, journal: Journal, report: Report) -> None:
    """Make every step true, in order. Probing before and after gives idempotence, resume and proof."""
    for step in steps:
        reason = step.pending(node)
        if reason is None:
            report(Holds(step.title))
            continue
        report(Pending(step.title, reason))
        started = node.clock()
        with journal.recording(step.title, reason):
            for path in step.replaces:
                journal.will_replace(path)
            lacking = _apply(step, node)
        if lacking is not None:
            report(lacking)
            continue
        if still := step.pending(node):
            raise StepError(f"{step.title}: was applied, and yet: {still}", hint="the log tells what each command said")
        report(Applied(step.title, node.clock() - started))


def _apply(step: Step, node: Node) -> Tolerated | None:
    try:
        step.apply(node)
    except ToleratedError as error:
        return Tolerated(step.title, str(error), error.hint)
    return None
