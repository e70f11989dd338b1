"""An install of a made bundle on a fake machine, from first look to health, and what it told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from installer.health import Health
from installer.install import Voice, anchors_of, carry_out, check_medium, prepare, staged_bundle
from installer.node import Node
from installer.roles import Plan
from installer.settings import Answers
from installer.step import Applied, Holds, Pending, StepEvent
from installer.survey import Prepared
from installer.trust.contents import Advance
from installer.trust.opened import open_staged_bundle
from installer.trust.signatures import Anchors
from tests.fakes.bundle import MadeBundle, public_key
from tests.fakes.node import FakeNode
from tests.fakes.tree import stamped_tree

HEAD = Answers(role="head", nodes=("10.0.0.1", "10.0.0.2"))
WORKER = Answers(role="worker", nodes=("10.0.0.1", "10.0.0.2"))


@dataclass
class Told:
    """What a person would have seen."""

    steps: list[StepEvent] = field(default_factory=list)
    copied: int = 0
    waiting: list[str] = field(default_factory=list)
    health: Health | None = None

    @property
    def held(self) -> list[str]:
        return [event.title for event in self.steps if isinstance(event, Holds)]

    @property
    def pending(self) -> list[str]:
        return [event.title for event in self.steps if isinstance(event, Pending)]

    @property
    def applied(self) -> list[str]:
        return [event.title for event in self.steps if isinstance(event, Applied)]

    @property
    def voice(self) -> Voice:
        return Voice(self.steps.append, self._copying, self.waiting.append)

    @contextmanager
    def _copying(self, _what: str, _total: int) -> Iterator[Advance]:
        def advance(count: int) -> None:
            self.copied += count

        yield advance


def install(node: Node, made: MadeBundle, answers: Answers, anchors: Anchors | None = None) -> Told:
    told = Told()
    with made.opened(anchors_of(node, anchors or Anchors(keys=(public_key(),)))) as bundle:
        told.health = carry_out(node, prepare(node, bundle, answers, None), told.voice)
    return told


def resume_install(node: Node) -> Told:
    """Without medium and options."""
    told = Told()
    with open_staged_bundle(staged_bundle(node), anchors_of(node, Anchors())) as bundle:
        decided = prepare(node, bundle, Answers(), None)
        check_medium(node, decided, None)
        told.health = carry_out(node, decided, told.voice)
    return told


def install_again(node: FakeNode, made: MadeBundle, answers: Answers) -> Told:
    """A second run: every step holds and nothing is written."""
    node.changes.forget()
    before = stamped_tree(node.root)
    told = install(node, made, answers)
    assert (told.pending, told.copied, node.changes.done) == ([], 0, [])
    assert stamped_tree(node.root) == before
    return told


def prepared(node: Node, made: MadeBundle, answers: Answers) -> Prepared:
    with made.opened() as bundle:
        return prepare(node, bundle, answers, None)


def plan(node: Node, made: MadeBundle, answers: Answers = HEAD) -> Plan:
    return prepared(node, made, answers).plan
