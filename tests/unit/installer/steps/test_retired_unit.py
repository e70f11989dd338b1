from pathlib import Path

from installer.steps.cluster import SERVE_UNIT
from installer.steps.retired_unit import RetireUnit
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = RetireUnit(SERVE_UNIT)


def test_a_bare_node_has_nothing_to_retire(node: FakeNode) -> None:
    assert STEP.pending(node) is None


def test_the_unit_is_stopped_disabled_and_gone(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    assert STEP.pending(node) == "left from another role"
    make_true(STEP, node)
    assert node.systemd.states.get(SERVE_UNIT) is None
    assert SERVE_UNIT not in node.systemd.loaded
    assert list(node.at("/etc/systemd/system").rglob(SERVE_UNIT)) == []


def test_no_running_container_loses_its_gpus(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    (container,) = node.docker.containers.values()
    make_true(STEP, node)
    assert container.has_gpus


def test_a_second_run_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    make_true(STEP, node)
    assert_settled(STEP, node)


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, RetireUnit]:
        node = FakeNode(folder)
        install(node, made, HEAD)
        return node, STEP

    assert assert_converges(start, root) == 5
