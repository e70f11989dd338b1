from pathlib import Path

from installer.settings import NODE_JSON
from installer.steps.cluster import NODE_UNIT
from installer.steps.node_json import WriteNodeJson
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install, plan
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true


def step_of(node: FakeNode, made: MadeBundle) -> WriteNodeJson:
    return WriteNodeJson(plan(node, made).config)


def test_a_bare_node_has_none(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(node, made).pending(node) == "missing"


def test_it_is_for_root_only(node: FakeNode, made: MadeBundle) -> None:
    make_true(step_of(node, made), node)
    assert node.at(NODE_JSON).stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    step = step_of(node, made)
    make_true(step, node)
    assert_settled(step, node)


def test_a_changed_file_is_written_again(node: FakeNode, made: MadeBundle) -> None:
    step = step_of(node, made)
    make_true(step, node)
    node.place(NODE_JSON, b"{}")
    assert step.pending(node) == "it differs"
    make_true(step, node)


def test_what_runs_with_the_old_settings_is_stopped(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    step = step_of(node, made)
    node.place(NODE_JSON, b"{}")
    make_true(step, node)
    assert node.systemd.states.get(NODE_UNIT) is None


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, WriteNodeJson]:
        node = FakeNode(folder)
        install(node, made, HEAD)
        step = step_of(node, made)
        node.place(NODE_JSON, (node.read(NODE_JSON) or b"").replace(b'"nodes": 2', b'"nodes": 3'))
        return node, step

    assert assert_converges(start, root) == 4
