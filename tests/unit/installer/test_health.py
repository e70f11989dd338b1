from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import StepError
from installer.health import Health, api_pending, look, read_model_names, wait_for_api
from installer.runner import load_config
from installer.settings import NodeConfig
from installer.steps.cluster import NODE_UNIT
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, WORKER, install
from tests.fakes.node import FakeNode

API = "10.0.0.1:8000"
MODELS = (200, b'{"object": "list", "data": [{"id": "tiny"}]}')


@pytest.fixture
def head(root: Path, made: MadeBundle) -> FakeNode:
    node = FakeNode(root / "head")
    install(node, made, HEAD)
    return node


@pytest.fixture
def worker(root: Path, made: MadeBundle) -> FakeNode:
    node = FakeNode(root / "worker", ip="10.0.0.2")
    install(node, made, WORKER)
    return node


def config_of(node: FakeNode) -> NodeConfig:
    return load_config(node)[0]


def serve(node: FakeNode) -> None:
    node.web |= {f"{API}/health": (200, b""), f"{API}/v1/models": MODELS}
    node.ray = [("10.0.0.1", 1), ("10.0.0.2", 1)]


def test_a_head_that_serves_waits_for_nothing(head: FakeNode) -> None:
    serve(head)
    assert look(head, config_of(head)) == Health(missing="", waiting="")


def test_a_head_names_the_peers_that_have_not_joined(head: FakeNode) -> None:
    head.ray = [("10.0.0.1", 1)]
    assert look(head, config_of(head)).missing == "not joined yet: 10.0.0.2"


def test_a_worker_tells_that_its_head_is_away(worker: FakeNode) -> None:
    assert look(worker, config_of(worker)) == Health("not reached yet: head 10.0.0.1", "")


def test_a_container_that_never_comes_up_is_an_error_with_its_last_words(head: FakeNode) -> None:
    head.docker.containers.clear()
    head.journal = ["starting", "docker: Error response from daemon: could not select device driver", "restarting"]
    with pytest.raises(StepError, match="is not running: docker: Error response from daemon: could not") as caught:
        look(head, config_of(head))
    assert caught.value.hint == f"journalctl -u {NODE_UNIT} tells more"


def test_a_container_that_comes_up_late_is_waited_for(head: FakeNode) -> None:
    containers = dict(head.docker.containers)
    head.docker.containers.clear()
    head.on_sleep = lambda: head.docker.containers.update(containers)
    look(head, config_of(head))


def test_a_unit_that_is_not_active_is_an_error(head: FakeNode) -> None:
    head.systemd.states[NODE_UNIT] = "activating"
    head.journal = []
    with pytest.raises(StepError, match=f"{NODE_UNIT} is not active: its journal is empty"):
        look(head, config_of(head))


@pytest.mark.parametrize(
    ("web", "pending"),
    [
        ({}, f"http://{API} does not answer yet"),
        ({"/health": (503, b"")}, f"http://{API}/health says 503"),
        ({"/health": (200, b"")}, f"http://{API}/v1/models does not answer yet"),
        ({"/health": (200, b""), "/v1/models": (404, b"")}, f"http://{API}/v1/models does not answer yet"),
        ({"/health": (200, b""), "/v1/models": (200, b"<html>")}, f"http://{API} serves no model"),
        ({"/health": (200, b""), "/v1/models": (200, b'{"data": [{"id": "other"}]}')}, f"http://{API} serves other"),
        ({"/health": (200, b""), "/v1/models": MODELS}, None),
    ],
)
def test_what_the_api_lacks(head: FakeNode, web: dict[str, tuple[int, bytes]], pending: str | None) -> None:
    head.web = {f"{API}{path}": answer for path, answer in web.items()}
    assert api_pending(head, config_of(head)) == pending


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": [1]}', b'{"data": 1}', b'{"data": [{}]}', b"\xff"])
def test_another_service_on_the_port_lists_no_models(body: bytes) -> None:
    assert read_model_names(body) == ()


def test_waiting_tells_of_every_look(head: FakeNode) -> None:
    def things_come_up() -> None:
        if head.now == 50:
            head.ray = [("10.0.0.1", 1)]
        if head.now == 100:
            serve(head)

    head.on_sleep = things_come_up
    told: list[str] = []
    wait_for_api(head, config_of(head), told.append)
    waiting = f"http://{API} does not answer yet"
    assert list(dict.fromkeys(told)) == [waiting, f"{waiting}; not joined yet: 10.0.0.2"]
    assert len(told) == 20


def test_without_ray_nobody_can_tell_which_peer_is_missing(head: FakeNode) -> None:
    config = config_of(head)
    assert look(head, replace(config, cluster=replace(config.cluster, backend="mp"))).missing == ""
