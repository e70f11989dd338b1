from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import StepError
from installer.health import Health, api_pending, look, read_model_names, wait_for_api
from installer.runner import load_config, run_node
from installer.settings import NodeConfig
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, WORKER, install
from tests.fakes.network import connect, every_port
from tests.fakes.node import FakeNode

API = "10.0.0.1:8000"
STARTING = 'starting: ["docker", "exec", "vllm"]'
LOADING = [f"INFO Loading safetensors checkpoint shards: {n}" for n in range(100)]
UNHEARD = "10.0.0.2 is not compared, it does not answer at all (timed out): it is off, or a firewall drops everything"
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
    assert look(head, config_of(head)) == Health(missing="", waiting="", peers=(UNHEARD,))


def test_differing_peers_are_one_table_and_no_error(head: FakeNode, worker: FakeNode) -> None:
    connect(head, worker)
    worker.mtu, worker.clock_seconds = 9000, head.clock_seconds + 60
    worker.reachable.add(("10.0.0.1", 6379))
    run_node(head)
    run_node(worker)
    table = (
        "the nodes differ:",
        "node              MTU   clock",
        "10.0.0.1 (node1)  1500  +0 s",
        "10.0.0.2 (node1)  9000  +60 s",
    )
    assert look(head, config_of(head)).peers == table


def test_peers_that_are_the_same_need_no_word(head: FakeNode, worker: FakeNode) -> None:
    connect(head, worker)
    run_node(head)
    worker.reachable.add(("10.0.0.1", 6379))
    run_node(worker)
    assert look(head, config_of(head)).peers == ()
    assert look(worker, config_of(worker)).peers == ()


def test_a_peer_without_a_responder_is_said_to_be_so(head: FakeNode, worker: FakeNode) -> None:
    connect(head, worker)
    worker.systemd.command(("stop", NODE_UNIT))
    (said,) = look(head, config_of(head)).peers
    assert said.startswith("10.0.0.2 is not compared, it is there, and nobody answers at its port 6385")


def test_a_worker_that_a_firewall_keeps_waiting_has_no_trouble_and_says_what_is_closed(
    head: FakeNode, worker: FakeNode
) -> None:
    network = connect(head, worker)
    run_node(head)
    network.doors.add(("10.0.0.1", 6379))
    network.closed["10.0.0.1", "10.0.0.2"] = every_port
    missing = look(worker, config_of(worker)).missing
    assert missing.startswith("not reached yet: head 10.0.0.1: 10.0.0.1 -> 10.0.0.2: ports of the cluster (6380-6384")


def test_a_head_names_the_peers_that_have_not_joined(head: FakeNode) -> None:
    head.ray = [("10.0.0.1", 1)]
    assert look(head, config_of(head)).missing == "not joined yet: 10.0.0.2"


def test_a_worker_tells_that_its_head_is_away(worker: FakeNode) -> None:
    seen = look(worker, config_of(worker))
    assert (seen.missing, seen.waiting) == ("not reached yet: head 10.0.0.1", "")


def test_a_container_that_never_comes_up_is_an_error_with_its_last_words(head: FakeNode) -> None:
    head.docker.containers.clear()
    refusal = "docker: Error response from daemon: could not select device driver"
    head.journal[NODE_UNIT] = ["starting", refusal, "restarting"]
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
    head.journal[NODE_UNIT] = []
    with pytest.raises(StepError, match=f"{NODE_UNIT} is not active: its journal is empty"):
        look(head, config_of(head))


def ends_after(node: FakeNode, unit: str, seconds: float) -> None:
    """From now on the unit's program lives that long, and systemd starts it again 5 seconds later."""

    def pass_time() -> None:
        age = (node.now - node.systemd.since[unit]) % (seconds + 5)
        if node.systemd.states[unit] == "active" and age >= seconds:
            node.systemd.end(unit)
        elif node.systemd.states[unit] == "activating" and age < seconds:
            node.systemd.restart_by_itself(unit)

    node.systemd.restart_by_itself(unit)
    node.on_sleep = pass_time


@pytest.mark.parametrize("unit", [NODE_UNIT, SERVE_UNIT])
def test_a_unit_that_ends_again_and_again_is_named_with_its_last_words(head: FakeNode, unit: str) -> None:
    ends_after(head, unit, 3)
    head.journal[unit] = ["starting", "RuntimeError: Engine core initialization failed", "bye"]
    with pytest.raises(StepError, match=f"{unit} .*: RuntimeError: Engine core initialization failed") as caught:
        look(head, config_of(head))
    assert caught.value.hint == f"journalctl -u {unit} tells more"


TOO_LONG = (
    "ERROR engine.py:387] The model's max seq len (32768) is larger than the maximum number of tokens that can be "
    "stored in KV cache (4336). Try increasing `gpu_memory_utilization` or decreasing `max_model_len`"
)
SET_UTILIZATION = "vllm-airgap install --set gpu_memory_utilization"
TRY_4336 = "vllm-airgap install --set max_model_len=4336"


def test_a_server_that_says_why_it_cannot_start_is_answered_with_the_value_to_try(head: FakeNode) -> None:
    ends_after(head, SERVE_UNIT, 3)
    head.journal[SERVE_UNIT] = [STARTING, TOO_LONG, *LOADING, "RuntimeError: Engine core initialization failed", "bye"]
    with pytest.raises(StepError, match="max_model_len 32768 is more than the 4336 tokens") as caught:
        look(head, config_of(head))
    assert caught.value.hint == f"{TRY_4336}; journalctl -u {SERVE_UNIT} tells more"


def test_what_an_older_start_said_is_not_answered_again(head: FakeNode) -> None:
    """Its cause was mended: the last one ended of another."""
    ends_after(head, SERVE_UNIT, 3)
    head.journal[SERVE_UNIT] = [STARTING, TOO_LONG, STARTING, "ImportError: libcuda.so.1", STARTING, "loading"]
    with pytest.raises(StepError, match="ImportError") as caught:
        look(head, config_of(head))
    assert caught.value.hint == f"journalctl -u {SERVE_UNIT} tells more"


def test_waiting_tells_the_value_to_try(head: FakeNode) -> None:
    head.journal[SERVE_UNIT] = [STARTING, TOO_LONG, "bye", STARTING, *LOADING]
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)
        if len(told) > 1:
            serve(head)

    head.on_sleep = lambda: head.systemd.restart_by_itself(SERVE_UNIT)
    wait_for_api(head, config_of(head), tell)
    assert told[-1].endswith(f"max_model_len 32768 is more than the 4336 tokens that the cache holds; {TRY_4336}")


def test_a_worker_that_waits_must_stay_up_too(worker: FakeNode) -> None:
    ends_after(worker, NODE_UNIT, 3)
    with pytest.raises(StepError, match=NODE_UNIT):
        look(worker, config_of(worker))


def test_a_fresh_install_sees_its_units_up_for_a_while(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    for unit in (NODE_UNIT, SERVE_UNIT):
        assert node.now - node.systemd.since[unit] >= 10


def test_what_is_long_up_is_not_waited_for(head: FakeNode) -> None:
    began = head.now
    look(head, config_of(head))
    assert head.now == began


def test_a_unit_that_ended_once_is_given_time(head: FakeNode) -> None:
    head.systemd.restart_by_itself(SERVE_UNIT)
    began = head.now
    look(head, config_of(head))
    assert head.now == began + 10


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
    began = head.now

    def things_come_up() -> None:
        if head.now == began + 50:
            head.ray = [("10.0.0.1", 1)]
        if head.now == began + 100:
            serve(head)

    head.on_sleep = things_come_up
    told: list[str] = []
    wait_for_api(head, config_of(head), told.append)
    waiting = f"http://{API} does not answer yet"
    assert list(dict.fromkeys(told)) == [waiting, f"{waiting}; not joined yet: 10.0.0.2"]
    assert len(told) == 20


def test_waiting_tells_of_a_server_that_was_started_again(head: FakeNode) -> None:
    ends_after(head, SERVE_UNIT, 40)
    head.now += 1
    head.journal[SERVE_UNIT] = ["torch.OutOfMemoryError: CUDA out of memory", "bye"]
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)
        assert len(told) < 20
        if "started again" in what:
            serve(head)

    wait_for_api(head, config_of(head), tell)
    assert told[0] == f"http://{API} does not answer yet"
    assert f"{SERVE_UNIT} was started again: a GPU ran out of memory; {SET_UTILIZATION}=0." in told[-1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([STARTING, "ValueError: too long", "bye", STARTING, *LOADING], ": ValueError: too long"),
        ([STARTING, "ValueError: too long", STARTING, "ERROR no such route", *LOADING], ": ValueError: too long"),
        ([STARTING, "bye", STARTING, "ValueError: too long", *LOADING], ": ValueError: too long"),
        ([STARTING, "bye", STARTING, *LOADING], ""),
        ([], ""),
    ],
)
def test_waiting_tells_why_the_server_failed_the_last_time(head: FakeNode, lines: list[str], words: str) -> None:
    """It is loading again, which says much and nothing of that."""
    head.journal[SERVE_UNIT] = lines
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)
        if len(told) > 1:
            serve(head)

    head.on_sleep = lambda: head.systemd.restart_by_itself(SERVE_UNIT)
    wait_for_api(head, config_of(head), tell)
    assert told[-1].endswith(f"{SERVE_UNIT} was started again{words}")


def test_without_ray_nobody_can_tell_which_peer_is_missing(head: FakeNode) -> None:
    config = config_of(head)
    assert look(head, replace(config, cluster=replace(config.cluster, backend="mp"))).missing == ""
