from dataclasses import dataclass, field

import pytest

from installer.errors import StepError, ToleratedError
from installer.journal import Journal
from installer.node import Node
from installer.step import Applied, Holds, Pending, StepEvent, Tolerated, execute, preview
from tests.fakes.node import FakeNode


@dataclass
class PlaceWord:
    """A file with a word in it."""

    word: bytes
    works: bool = True
    replaces: tuple[str, ...] = ("/etc/word",)
    title: str = "word"

    def pending(self, node: Node) -> str | None:
        return None if node.read("/etc/word") == self.word else "another word"

    def apply(self, node: Node) -> None:
        if self.works:
            node.place("/etc/word", self.word)


@dataclass
class Listener:
    events: list[StepEvent] = field(default_factory=list)

    def __call__(self, event: StepEvent) -> None:
        self.events.append(event)


def test_a_step_is_applied_where_it_is_pending_and_proven_afterwards(node: FakeNode) -> None:
    told = Listener()
    execute([PlaceWord(b"one")], node, Journal(node), told)
    assert told.events == [Pending("word", "another word"), Applied("word", 0.0)]
    assert node.read("/etc/word") == b"one"


def test_a_step_that_holds_is_left_alone(node: FakeNode) -> None:
    execute([PlaceWord(b"one")], node, Journal(node), Listener())
    node.changes.forget()
    told = Listener()
    execute([PlaceWord(b"one")], node, Journal(node), told)
    assert told.events == [Holds("word")]
    assert node.changes.done == []


def test_an_apply_that_does_not_help_is_an_error(node: FakeNode) -> None:
    with pytest.raises(StepError, match="word: was applied, and yet: another word") as caught:
        execute([PlaceWord(b"one", works=False)], node, Journal(node), Listener())
    assert caught.value.exit_code == 9


@dataclass
class WakeUp:
    """A step that never succeeds, and that nothing depends on."""

    replaces: tuple[str, ...] = ()
    title: str = "wake up"

    def pending(self, _node: Node) -> str | None:
        return "asleep"

    def apply(self, _node: Node) -> None:
        raise ToleratedError("it sleeps on", hint="try a bell")


def test_what_an_install_can_go_on_without_is_told_and_keeps_nothing_from_happening(node: FakeNode) -> None:
    told = Listener()
    execute([WakeUp(), PlaceWord(b"one")], node, Journal(node), told)
    assert told.events[:2] == [Pending("wake up", "asleep"), Tolerated("wake up", "it sleeps on", "try a bell")]
    assert node.read("/etc/word") == b"one"


def test_no_step_runs_behind_one_that_failed(node: FakeNode) -> None:
    with pytest.raises(StepError):
        execute([PlaceWord(b"one", works=False), PlaceWord(b"two")], node, Journal(node), Listener())
    assert node.read("/etc/word") is None


def test_a_report_that_raises_stops_before_the_change(node: FakeNode) -> None:
    def stop(_event: StepEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute([PlaceWord(b"one")], node, Journal(node), stop)
    assert node.changes.done == []


def test_a_preview_tells_and_changes_nothing(node: FakeNode) -> None:
    node.place("/etc/word", b"one")
    node.changes.forget()
    told = Listener()
    preview([PlaceWord(b"one"), PlaceWord(b"two")], node, told)
    assert told.events == [Holds("word"), Pending("word", "another word")]
    assert node.changes.done == []
