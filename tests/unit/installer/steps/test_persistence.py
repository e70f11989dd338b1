from pathlib import Path

import pytest

from installer.driver.services import PERSISTENCED
from installer.errors import ToleratedError
from installer.steps.persistence import TurnOnPersistence
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true
from tests.fakes.systemd import UnitActions

STEP = TurnOnPersistence()
OFF = "the GPUs fall asleep: persistence mode is off"


def with_driver(node: FakeNode) -> FakeNode:
    node.nvidia.have("550.127.08")
    return node


def with_persistenced(node: FakeNode) -> FakeNode:
    """As the .run has it, which turns persistence on."""

    def start() -> str:
        node.nvidia.persistence = True
        return "active"

    return with_service(node, UnitActions(start=start))


def with_service(node: FakeNode, actions: UnitActions) -> FakeNode:
    node.give_program("/usr/bin/nvidia-persistenced")
    node.place(f"/usr/lib/systemd/system/{PERSISTENCED}", b"[Service]\nExecStart=/usr/bin/nvidia-persistenced\n")
    node.systemd.actions[PERSISTENCED] = actions
    node.systemd.reload()
    return with_driver(node)


def test_a_node_without_a_driver_has_nothing_to_keep_awake(node: FakeNode) -> None:
    assert_settled(STEP, node)


def test_without_the_service_nvidia_smi_does_it(node: FakeNode) -> None:
    assert STEP.pending(with_driver(node)) == OFF
    make_true(STEP, node)
    assert node.nvidia.persistence
    assert_settled(STEP, node)


def test_the_service_runs_from_now_and_from_boot_on(node: FakeNode) -> None:
    with_persistenced(node)
    assert STEP.pending(node) == f"{PERSISTENCED} is not enabled"
    make_true(STEP, node)
    assert node.systemd.states[PERSISTENCED] == "active"
    assert "nvidia-smi -pm 1" not in node.changes.done
    assert_settled(STEP, node)


def test_a_service_that_runs_without_turning_it_on_is_told_to(node: FakeNode) -> None:
    """Ubuntu's does: its unit has --no-persistence-mode."""
    with_service(node, UnitActions()).systemd.static.add(PERSISTENCED)
    node.systemd.command(("start", PERSISTENCED))
    assert STEP.pending(node) == OFF
    make_true(STEP, node)
    assert node.nvidia.persistence
    assert_settled(STEP, node)


def test_a_kill_converges(root: Path) -> None:
    assert assert_converges(lambda folder: (with_persistenced(FakeNode(folder)), STEP), root) == 2


def test_a_service_that_was_masked_is_left_alone(node: FakeNode) -> None:
    with_persistenced(node)
    node.at(f"/etc/systemd/system/{PERSISTENCED}").symlink_to("/dev/null")
    make_true(STEP, node)
    assert PERSISTENCED not in node.systemd.states
    assert node.nvidia.persistence


def test_a_service_that_does_not_start_fails_no_install(node: FakeNode) -> None:
    with_service(node, UnitActions(start=lambda: "failed"))
    with pytest.raises(ToleratedError, match=f"Job for {PERSISTENCED} failed"):
        STEP.apply(node)
    assert node.nvidia.persistence
    assert STEP.pending(node) is None


def test_gpus_that_cannot_stay_awake_fail_no_install(node: FakeNode) -> None:
    with_driver(node).nvidia.refuses_persistence = "Unable to set persistence mode for GPU 0: Not Supported"
    with pytest.raises(ToleratedError, match="Not Supported"):
        STEP.apply(node)


@pytest.mark.parametrize("mode", ["[N/A]", "[Not Supported]"])
def test_a_gpu_that_has_no_such_mode_is_left_alone(node: FakeNode, mode: str) -> None:
    with_driver(node).nvidia.card = {**node.nvidia.card, "persistence_mode": mode}
    assert_settled(STEP, node)


def test_an_nvidia_smi_that_takes_its_time_is_waited_for(node: FakeNode) -> None:
    """Eight A100 that sleep: every look wakes them."""
    with_driver(node).nvidia.takes = 60
    make_true(STEP, node)
    assert node.nvidia.persistence
