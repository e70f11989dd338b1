from pathlib import Path

import pytest

from installer.driver.services import FABRIC_MANAGER, PERSISTENCED, stop_services, stopped_services
from installer.errors import StepError
from installer.steps.gpu_services import RestartServices
from tests.fakes.changes import KilledError
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = RestartServices()
BOTH = (FABRIC_MANAGER, PERSISTENCED)


def serving(folder: Path) -> FakeNode:
    node = FakeNode(folder)
    node.give_program("/usr/bin/service")
    for unit in BOTH:
        node.place(f"/usr/lib/systemd/system/{unit}", b"[Service]\nExecStart=/usr/bin/service\n")
    node.systemd.reload()
    for unit in BOTH:
        node.systemd.command(("start", unit))
    return node


def stopped(folder: Path) -> tuple[FakeNode, RestartServices]:
    node = serving(folder)
    stop_services(node)
    return node, STEP


def test_nothing_that_was_not_stopped_is_started(root: Path) -> None:
    node = serving(root)
    node.systemd.command(("stop", PERSISTENCED))
    assert_settled(STEP, node)


def test_what_was_stopped_runs_again_persistence_first(root: Path) -> None:
    node, step = stopped(root)
    assert node.systemd.states == {}
    node.changes.forget()
    make_true(step, node)
    assert node.changes.done == [f"systemctl start {unit}" for unit in reversed(BOTH)]
    assert_settled(step, node)


def test_a_kill_while_they_are_stopped_forgets_none(root: Path) -> None:
    for number in range(1, 4):
        node = serving(root / str(number))
        node.changes.forget()
        node.changes.dies_at = number
        with pytest.raises(KilledError):
            stop_services(node)
        node.changes.forget()
        stop_services(node)
        assert stopped_services(node) == BOTH


def test_a_kill_while_they_are_started_converges(root: Path) -> None:
    assert assert_converges(stopped, root) == 2


def test_one_that_does_not_start_is_named(root: Path) -> None:
    node, step = stopped(root)
    node.at("/usr/bin/service").unlink()
    with pytest.raises(StepError, match=f"{PERSISTENCED} does not start again") as caught:
        step.apply(node)
    assert caught.value.hint == f"journalctl -u {PERSISTENCED}"
