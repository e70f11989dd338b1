"""What holds for every step: once applied it is true, again it changes nothing, killed anywhere it converges."""

from collections.abc import Callable
from pathlib import Path

import pytest

from installer.step import Step
from tests.fakes.changes import KilledError
from tests.fakes.node import FakeNode
from tests.fakes.tree import settled_tree, stamped_tree

Start = Callable[[Path], tuple[FakeNode, Step]]


def make_true(step: Step, node: FakeNode) -> None:
    """As the loop of steps does it."""
    if step.pending(node) is not None:
        step.apply(node)
    assert step.pending(node) is None


def assert_settled(step: Step, node: FakeNode) -> None:
    """A second run changes nothing."""
    node.changes.forget()
    before = stamped_tree(node.root)
    assert step.pending(node) is None
    assert node.changes.done == []
    assert stamped_tree(node.root) == before


def assert_converges(start: Start, root: Path) -> int:
    """Killed before each of its changes and run again, a step ends where it ends without that; how many there are."""
    node, step = start(root / "whole")
    node.changes.forget()
    make_true(step, node)
    count, whole = len(node.changes.done), settled_tree(node.root)
    for number in range(1, count + 1):
        node, step = start(root / str(number))
        node.changes.forget()
        node.changes.dies_at = number
        with pytest.raises(KilledError):
            make_true(step, node)
        node.changes.forget()
        make_true(step, node)
        assert settled_tree(node.root) == whole, f"killed before change {number}"
    return count
