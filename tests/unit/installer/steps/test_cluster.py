from installer.container import CONFIG_LABEL, CONTAINER
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT, StartNode, StartServe
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, WORKER, install, plan
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_settled, make_true


def test_a_bare_node_runs_no_cluster(node: FakeNode, made: MadeBundle) -> None:
    assert StartNode(plan(node, made).config).pending(node) == f"{NODE_UNIT} is not active"
    assert StartServe().pending(node) == f"{SERVE_UNIT} is not active"


def test_a_stopped_node_is_started(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.systemd.shut_down()
    node.systemd.boot(("containerd.service", "docker.service"))
    step = StartNode(plan(node, made).config)
    make_true(step, node)
    assert CONTAINER in node.docker.containers
    assert_settled(step, node)


def test_a_container_with_other_settings_is_replaced(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.docker.containers[CONTAINER].labels[CONFIG_LABEL] = "of yesterday"
    step = StartNode(plan(node, made).config)
    assert step.pending(node) == "it runs with other settings"
    make_true(step, node)


def test_a_worker_that_waits_for_its_head_is_started(node: FakeNode, made: MadeBundle) -> None:
    node.ip = "10.0.0.2"
    install(node, made, WORKER)
    assert node.docker.containers == {}
    assert StartNode(plan(node, made, WORKER).config).pending(node) is None


def test_a_stopped_server_is_started(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.systemd.command(("stop", SERVE_UNIT))
    make_true(StartServe(), node)
    assert_settled(StartServe(), node)
