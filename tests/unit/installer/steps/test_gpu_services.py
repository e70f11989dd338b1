from pathlib import Path

import pytest

from installer.driver.services import FABRIC_MANAGER, PERSISTENCED, stop_services, stopped_services
from installer.errors import ToleratedError
from installer.steps.gpu_services import RestartServices
from tests.fakes.changes import KilledError
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true
from tests.fakes.systemd import UnitActions

STEP = RestartServices()
DCGM = "nvidia-dcgm.service"
ALL = (DCGM, FABRIC_MANAGER, PERSISTENCED)
OURS = (PERSISTENCED, DCGM)  # in the order in which they start; Fabric Manager has a step of its own


def serving(folder: Path) -> FakeNode:
    node = FakeNode(folder)
    node.give_program("/usr/bin/service")
    for unit in ALL:
        node.place(f"/usr/lib/systemd/system/{unit}", b"[Service]\nExecStart=/usr/bin/service\n")
    node.systemd.reload()
    for unit in ALL:
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
    assert node.changes.done[:2] == [f"systemctl start {unit}" for unit in OURS]
    assert_settled(step, node)


def test_fabric_manager_is_left_to_its_own_step(root: Path) -> None:
    """It takes minutes to start, and has to be of the new driver's version first."""
    node, step = stopped(root)
    make_true(step, node)
    assert FABRIC_MANAGER not in node.systemd.states
    assert stopped_services(node) == (FABRIC_MANAGER,)


def test_a_kill_while_they_are_stopped_forgets_none(root: Path) -> None:
    for number in range(1, 5):
        node = serving(root / str(number))
        node.changes.forget()
        node.changes.dies_at = number
        with pytest.raises(KilledError):
            stop_services(node)
        node.changes.forget()
        stop_services(node)
        assert stopped_services(node) == ALL


def test_a_kill_while_they_are_started_converges(root: Path) -> None:
    assert assert_converges(stopped, root) == 3  # and the record


def test_one_that_does_not_start_is_named_once_and_keeps_no_other_from_starting(root: Path) -> None:
    node, step = stopped(root)
    node.systemd.actions[PERSISTENCED] = UnitActions(start=lambda: "failed")
    with pytest.raises(ToleratedError, match=f"{PERSISTENCED} does not start again") as caught:
        step.apply(node)
    assert caught.value.hint == f"journalctl -u {PERSISTENCED}"
    assert node.systemd.states[DCGM] == "active"
    assert step.pending(node) is None
