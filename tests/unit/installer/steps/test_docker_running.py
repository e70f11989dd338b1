from installer.engine import CONTAINERD_UNIT, DOCKER_UNIT
from installer.steps.docker_running import StartDocker
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_settled, make_true

STEP = StartDocker((CONTAINERD_UNIT, DOCKER_UNIT))


def test_a_bare_node_has_no_unit_that_is_active(node: FakeNode) -> None:
    assert STEP.pending(node) == "containerd.service is not active"


def test_what_was_stopped_is_started(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.systemd.shut_down()
    make_true(STEP, node)
    assert node.docker.running_version == "27.4.0"
    assert_settled(STEP, node)


def test_a_docker_that_was_started_often_is_started_once_more(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.systemd.shut_down()
    node.systemd.bursts["docker.service"] = node.systemd.starts["docker.service"]
    make_true(STEP, node)


def test_a_unit_that_is_active_is_not_enough(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.docker.stop()
    assert str(STEP.pending(node)).startswith("docker does not answer: Cannot connect to the Docker daemon")
