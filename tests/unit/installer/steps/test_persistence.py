from pathlib import Path

from installer.driver.services import PERSISTENCED
from installer.steps.persistence import TurnOnPersistence
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = TurnOnPersistence()


def with_persistenced(node: FakeNode) -> FakeNode:
    node.give_program("/usr/bin/nvidia-persistenced")
    node.place(f"/usr/lib/systemd/system/{PERSISTENCED}", b"[Service]\nExecStart=/usr/bin/nvidia-persistenced\n")
    node.systemd.reload()
    return node


def test_a_node_without_the_service_leaves_it_to_the_node_unit(node: FakeNode) -> None:
    assert_settled(STEP, node)


def test_the_service_runs_from_now_and_from_boot_on(node: FakeNode) -> None:
    with_persistenced(node)
    assert STEP.pending(node) == f"{PERSISTENCED} is not enabled"
    make_true(STEP, node)
    assert node.systemd.states[PERSISTENCED] == "active"
    assert_settled(STEP, node)


def test_a_kill_converges(root: Path) -> None:
    assert assert_converges(lambda folder: (with_persistenced(FakeNode(folder)), STEP), root) == 2


def test_a_service_that_cannot_be_enabled_is_started(node: FakeNode) -> None:
    with_persistenced(node).systemd.static.add(PERSISTENCED)
    make_true(STEP, node)
    assert node.systemd.states[PERSISTENCED] == "active"
    assert_settled(STEP, node)


def test_a_service_that_was_masked_is_left_alone(node: FakeNode) -> None:
    with_persistenced(node)
    node.at(f"/etc/systemd/system/{PERSISTENCED}").symlink_to("/dev/null")
    assert_settled(STEP, node)
