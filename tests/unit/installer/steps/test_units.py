from pathlib import Path

import pytest

from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from installer.steps.units import PlaceUnits
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = PlaceUnits("the cluster", (NODE_UNIT, SERVE_UNIT))
PLACE = f"/etc/systemd/system/{NODE_UNIT}"


def test_a_bare_node_lacks_the_units(node: FakeNode) -> None:
    assert STEP.pending(node) == f"missing or different: {NODE_UNIT}, {SERVE_UNIT}"


def test_units_are_placed_read_and_enabled(node: FakeNode) -> None:
    make_true(STEP, node)
    assert node.systemd.loaded.keys() == {NODE_UNIT, SERVE_UNIT}
    wanted = node.at("/etc/systemd/system/multi-user.target.wants")
    assert sorted(path.name for path in wanted.iterdir()) == [NODE_UNIT, SERVE_UNIT]


def test_a_second_run_changes_nothing(node: FakeNode) -> None:
    make_true(STEP, node)
    assert_settled(STEP, node)


def test_a_kill_converges(root: Path) -> None:
    assert assert_converges(lambda folder: (FakeNode(folder), STEP), root) == 4


def test_a_unit_that_was_changed_is_put_back(node: FakeNode) -> None:
    make_true(STEP, node)
    node.place(PLACE, b"[Service]\nExecStart=/bin/true\n")
    assert STEP.pending(node) == f"missing or different: {NODE_UNIT}"
    make_true(STEP, node)


def test_a_unit_that_was_disabled_is_enabled(node: FakeNode) -> None:
    make_true(STEP, node)
    node.at(f"/etc/systemd/system/multi-user.target.wants/{NODE_UNIT}").unlink()
    assert STEP.pending(node) == f"not enabled: {NODE_UNIT}"
    make_true(STEP, node)


def test_a_file_that_systemd_has_not_read_is_pending(node: FakeNode) -> None:
    make_true(STEP, node)
    node.systemd.loaded[NODE_UNIT] = b"an older text"
    assert STEP.pending(node) == "systemd has not read the unit files yet"
    make_true(STEP, node)


@pytest.mark.parametrize("spoil", ["text", "link"])
def test_no_running_container_loses_its_gpus(node: FakeNode, made: MadeBundle, spoil: str) -> None:
    install(node, made, HEAD)
    (container,) = node.docker.containers.values()
    if spoil == "text":
        node.place(PLACE, b"[Service]\nExecStart=/bin/true\n")
    else:
        node.at(f"/etc/systemd/system/multi-user.target.wants/{NODE_UNIT}").unlink()
    make_true(STEP, node)
    assert container.has_gpus
    assert node.docker.containers == {}


def test_what_stood_there_is_kept_for_uninstall() -> None:
    assert STEP.replaces == (PLACE, f"/etc/systemd/system/{SERVE_UNIT}")
