from pathlib import Path

from installer.node.paths import DAEMON_JSON
from installer.steps.nvidia_runtime import ConfigureNvidiaRuntime
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = ConfigureNvidiaRuntime()


def without_runtime(node: FakeNode, made: MadeBundle) -> FakeNode:
    """A node whose docker was configured anew by somebody, and restarted."""
    install(node, made, HEAD)
    node.place(DAEMON_JSON, b'{"log-opts": {"max-size": "1g"}}')
    node.reboot()
    return node


def test_a_bare_node_has_no_docker_to_ask(node: FakeNode) -> None:
    assert STEP.pending(node) == "docker does not answer"


def test_the_runtime_is_added_to_what_is_there(node: FakeNode, made: MadeBundle) -> None:
    without_runtime(node, made)
    assert STEP.pending(node) == "docker info does not list it"
    make_true(STEP, node)
    assert b'"max-size": "1g"' in (node.read(DAEMON_JSON) or b"")


def test_a_docker_that_was_started_often_is_restarted_once_more(node: FakeNode, made: MadeBundle) -> None:
    """Units of docker's packages allow three starts a minute, which an install that is resumed needs."""
    without_runtime(node, made)
    node.systemd.bursts["docker.service"] = node.systemd.starts["docker.service"]
    make_true(STEP, node)


def test_a_second_run_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    assert_settled(STEP, node)


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    assert assert_converges(lambda folder: (without_runtime(FakeNode(folder), made), STEP), root) == 6
