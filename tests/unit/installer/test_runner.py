import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from installer.container import CONFIG_LABEL, CONTAINER
from installer.driver.services import PERSISTENCED
from installer.errors import EnvironmentProblemError, StepError
from installer.index.settings import PEER_PORT
from installer.runner import (
    RayNode,
    find_image,
    halt_node,
    halt_serve,
    leftover_label,
    load_config,
    missing_peers,
    program,
    ray_nodes,
    read_ray_nodes,
    run_node,
    run_serve,
)
from installer.settings import NODE_JSON, Answers, NodeConfig
from installer.sight import Output
from installer.steps.cluster import NODE_UNIT
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.docker import FakeContainer
from tests.fakes.installing import HEAD, WORKER, install
from tests.fakes.network import connect, every_port
from tests.fakes.node import FakeNode

STRANGER = FakeContainer("some image", ("sleep",))
BOTH = [("10.0.0.1", 1), ("10.0.0.2", 1)]


@pytest.fixture
def head(root: Path, made: MadeBundle) -> FakeNode:
    """Installed, with its units stopped, as systemd finds it."""
    return stopped(FakeNode(root / "head"), made, HEAD)


@pytest.fixture
def worker(root: Path, made: MadeBundle) -> FakeNode:
    return stopped(FakeNode(root / "worker", ip="10.0.0.2"), made, WORKER)


def stopped(node: FakeNode, made: MadeBundle, answers: Answers) -> FakeNode:
    install(node, made, answers)
    for unit in ("vllm-airgap-serve.service", NODE_UNIT):
        node.systemd.command(("stop", unit))
    return node


def config_of(node: FakeNode) -> NodeConfig:
    return load_config(node)[0]


def test_the_node_unit_becomes_the_cluster_container(head: FakeNode) -> None:
    run_node(head)
    container = head.docker.containers[CONTAINER]
    assert container.image == config_of(head).image_ids[0]
    assert container.labels[CONFIG_LABEL] == hashlib.sha256(head.read(NODE_JSON) or b"").hexdigest()


def test_a_leftover_of_ours_is_removed_first(head: FakeNode) -> None:
    run_node(head)
    head.docker.containers[CONTAINER].labels["of"] = "before"
    run_node(head)
    assert "of" not in head.docker.containers[CONTAINER].labels


def test_a_container_of_a_stranger_is_refused_and_left_alone(head: FakeNode) -> None:
    head.docker.containers[CONTAINER] = STRANGER
    with pytest.raises(EnvironmentProblemError, match="is not ours") as caught:
        run_node(head)
    assert caught.value.hint == f"look at it, then: docker rm -f {CONTAINER}"
    halt_node(head)
    assert head.docker.containers == {CONTAINER: STRANGER}


def test_a_docker_that_does_not_answer_is_not_taken_for_no_container(head: FakeNode) -> None:
    head.docker.stop()
    with pytest.raises(EnvironmentProblemError, match="docker does not answer: Cannot connect"):
        leftover_label(head)


def test_a_worker_waits_for_ever_until_the_head_answers(worker: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    def head_comes_up_after_a_week() -> None:
        if worker.now > 7 * 86400:
            worker.reachable.add(("10.0.0.1", 6379))

    worker.on_sleep = head_comes_up_after_a_week
    run_node(worker)
    assert CONTAINER in worker.docker.containers
    said = capsys.readouterr().out.splitlines()
    assert said.count("waiting: the head 10.0.0.1:6379 does not answer") == 1


def test_a_head_waits_for_nobody(head: FakeNode) -> None:
    began = head.now
    run_node(head)
    assert head.now == began


def test_a_worker_without_ray_waits_until_the_head_can_be_reached(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_bundle(tmp_path / "mp", Recipe(backend="mp"))
    worker = stopped(FakeNode(root / "mp", ip="10.0.0.2"), made, WORKER)
    head = stopped(FakeNode(root / "head"), made, HEAD)
    connect(head, worker)
    worker.on_sleep = lambda: run_node(head)
    run_node(worker)
    assert worker.docker.containers[CONTAINER].command[:2] == ("vllm", "serve")
    assert "waiting: the head 10.0.0.1:29501 does not answer\n" in capsys.readouterr().out


# --- its peers


def test_a_worker_that_a_firewall_cuts_off_says_what_is_closed_once_and_waits(
    head: FakeNode, worker: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray's own port is open, so that Ray would start, and hang later."""
    network = connect(head, worker)
    run_node(head)
    network.doors.add(("10.0.0.1", 6379))
    network.closed["10.0.0.1", "10.0.0.2"] = every_port
    began = worker.now

    def a_person_opens_it() -> None:
        if worker.now > began + 3600:
            network.closed.clear()

    worker.on_sleep = a_person_opens_it
    run_node(worker)
    assert CONTAINER in worker.docker.containers
    (waited,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("waiting")]
    assert waited.startswith("waiting: 10.0.0.1 -> 10.0.0.2: ports of the cluster (6380-6384, 20000, 20500, 20999, ")
    assert "and freely chosen ports, as NCCL and Gloo take them, are closed" in waited
    assert "on 10.0.0.2: firewall-cmd --permanent --zone=trusted --add-source=10.0.0.1/32" in waited


def test_a_worker_that_does_not_reach_another_worker_says_so_and_waits(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NCCL connects all with all; a third node that nobody answers for is no reason to wait."""
    made = make_bundle(tmp_path / "three", Recipe(nodes=4))
    ips = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    as_head, as_worker = Answers(role="head", nodes=ips), Answers(role="worker", nodes=ips)
    head = stopped(FakeNode(root / "head"), made, as_head)
    first, second = (stopped(FakeNode(root / ip, ip=ip), made, as_worker) for ip in ips[1:3])
    network = connect(head, first, second)
    run_node(head)
    network.doors.add(("10.0.0.1", 6379))
    run_node(first)
    network.closed["10.0.0.3", "10.0.0.2"] = lambda port: port == 20999

    def a_person_opens_it() -> None:
        assert CONTAINER not in second.docker.containers
        network.closed.clear()

    second.on_sleep = a_person_opens_it
    capsys.readouterr()
    run_node(second)
    assert CONTAINER in second.docker.containers
    (waited,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("waiting")]
    assert waited.startswith("waiting: 10.0.0.3 -> 10.0.0.2: ports of the cluster (20999) are closed (on 10.0.0.2: ")


def test_a_worker_that_another_one_lets_nothing_through_to_says_so_and_waits(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_bundle(tmp_path / "three", Recipe(nodes=3))
    ips = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    head = stopped(FakeNode(root / "head"), made, Answers(role="head", nodes=ips))
    first, second = (stopped(FakeNode(root / ip, ip=ip), made, Answers(role="worker", nodes=ips)) for ip in ips[1:])
    network = connect(head, first, second)
    run_node(head)
    network.doors.add(("10.0.0.1", 6379))
    network.closed["10.0.0.3", "10.0.0.2"] = every_port
    second.on_sleep = network.closed.clear
    capsys.readouterr()
    run_node(second)
    assert CONTAINER in second.docker.containers
    assert "waiting: 10.0.0.3 -> 10.0.0.2: port 6385 is closed, though the machine is there" in capsys.readouterr().out


def test_a_head_whose_responder_is_gone_is_joined_all_the_same(head: FakeNode, worker: FakeNode) -> None:
    network = connect(head, worker)
    network.doors.add(("10.0.0.1", 6379))
    run_node(worker)
    assert CONTAINER in worker.docker.containers


def test_a_node_answers_its_peers_as_long_as_its_unit_lives(head: FakeNode) -> None:
    door = ("10.0.0.1", PEER_PORT)
    head.systemd.command(("start", NODE_UNIT))
    assert door in head.network.services
    head.systemd.command(("restart", NODE_UNIT))
    assert door in head.network.services
    head.systemd.command(("stop", NODE_UNIT))
    assert door not in head.network.services


def test_a_node_whose_container_cannot_start_answers_no_longer(head: FakeNode) -> None:
    head.docker.images.clear()
    head.systemd.command(("start", NODE_UNIT))
    assert head.network.services == {}


def test_a_port_that_somebody_has_keeps_no_node_from_starting(
    head: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    head.network.doors.add(("10.0.0.1", PEER_PORT))
    run_node(head)
    assert CONTAINER in head.docker.containers
    assert "other nodes cannot probe this one: Address already in use\n" in capsys.readouterr().out


def test_a_single_node_answers_nobody(root: Path, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "single", Recipe(nodes=1))
    head = stopped(FakeNode(root / "single"), made, Answers(role="head", node_ip="10.0.0.1"))
    run_node(head)
    assert head.network.services == {}


def test_differing_peers_are_told_before_the_server_starts(
    head: FakeNode, worker: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(head, worker)
    worker.mtu = 9000
    run_node(head)
    worker.reachable.add(("10.0.0.1", 6379))
    run_node(worker)
    head.ray = BOTH
    run_serve(head)
    assert head.server
    said = capsys.readouterr().out.splitlines()
    assert "the nodes differ:" in said
    assert "10.0.0.2 (node1)  9000" in said


def test_the_whole_command_is_told_before_it_is_run(head: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    run_node(head)
    assert 'starting: ["docker", "run", "--rm"' in capsys.readouterr().out


def test_rdma_devices_are_found_when_the_node_starts(head: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    head.at("/dev/infiniband").mkdir(parents=True)
    run_node(head)
    assert '"--device", "/dev/infiniband"' in capsys.readouterr().out


def test_docker_29_knows_the_image_by_its_manifest(head: FakeNode) -> None:
    config_id, manifest_id = config_of(head).image_ids
    image = head.docker.images.pop(config_id)
    head.docker.images[manifest_id] = replace(image, image_id=manifest_id)
    assert find_image(head, config_of(head)) == manifest_id


def test_an_image_that_is_gone_is_named_with_the_way_back(head: FakeNode) -> None:
    head.docker.images.clear()
    with pytest.raises(EnvironmentProblemError, match="no longer in docker") as caught:
        run_node(head)
    assert "install BUNDLE" in caught.value.hint


def test_without_node_json_nothing_runs(head: FakeNode) -> None:
    head.at(NODE_JSON).unlink()
    with pytest.raises(EnvironmentProblemError, match=r"node\.json: missing"):
        run_node(head)


def test_stopping_ends_the_container(head: FakeNode) -> None:
    run_node(head)
    halt_node(head)
    assert head.docker.containers == {}
    halt_node(head)


# --- the GPUs


def test_the_gpus_are_awake_before_the_container_starts(head: FakeNode) -> None:
    """It does not survive a boot."""
    head.nvidia.reboot()
    run_node(head)
    assert head.nvidia.persistence


def test_gpus_that_are_awake_are_left_alone(head: FakeNode) -> None:
    head.changes.forget()
    run_node(head)
    assert "nvidia-smi -pm 1" not in head.changes.done


def test_a_service_of_nvidias_that_lets_them_sleep_is_told_to_keep_them_awake(head: FakeNode) -> None:
    """Ubuntu's packaged one runs with --no-persistence-mode."""
    head.nvidia.reboot()
    head.systemd.states[PERSISTENCED] = "active"
    run_node(head)
    assert head.nvidia.persistence


def test_device_files_are_made_on_a_machine_without_a_display(head: FakeNode) -> None:
    head.give_program("/usr/bin/nvidia-modprobe")
    head.nvidia.has_device_files = False
    run_node(head)
    assert head.nvidia.has_device_files


def test_gpus_that_stay_asleep_are_told_and_keep_nothing_from_starting(
    head: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    head.nvidia.reboot()
    head.nvidia.refuses_persistence = "Unable to set persistence mode: Insufficient Permissions"
    run_node(head)
    assert f"persistence mode stays off: {head.nvidia.refuses_persistence}\n" in capsys.readouterr().out
    assert CONTAINER in head.docker.containers


# --- the server


def test_the_server_starts_in_a_session_of_its_own_once_all_gpus_are_there(head: FakeNode) -> None:
    run_node(head)
    head.ray = BOTH
    run_serve(head)
    assert head.server
    assert head.server[:2] == ("python3", "-c")
    assert head.server[2] == program("session_start.py")
    assert head.server[3:5] == ("vllm", "serve")


def test_the_server_waits_for_the_container_for_ray_and_for_every_gpu(
    head: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    began = head.now

    def things_come_up() -> None:
        if head.now == began + 10:
            run_node(head)
        if head.now == began + 20:
            head.ray = BOTH[:1]
        if head.now == began + 30:
            head.ray = BOTH

    head.on_sleep = things_come_up
    run_serve(head)
    assert head.server
    waited = [line for line in capsys.readouterr().out.splitlines() if line.startswith("waiting")]
    assert waited == [
        f"waiting: container {CONTAINER} is not running",
        "waiting: Ray does not answer",
        "waiting: 1 of 2 GPUs in the cluster, not joined yet: 10.0.0.2",
    ]


def test_a_server_that_was_left_behind_is_ended_first(head: FakeNode) -> None:
    run_node(head)
    head.server = ("an old one",)
    seen: list[tuple[str, ...] | None] = []

    def ray_comes_up() -> None:
        seen.append(head.server)
        head.ray = BOTH

    head.on_sleep = ray_comes_up
    run_serve(head)
    assert seen == [None]


def test_without_ray_the_server_waits_for_the_container_only(root: Path, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "mp", Recipe(backend="mp"))
    head = stopped(FakeNode(root / "mp"), made, HEAD)
    began = head.now
    run_node(head)
    run_serve(head)
    assert head.server
    assert head.now == began


def test_a_server_that_does_not_end_is_an_error_unless_its_container_is_gone(head: FakeNode) -> None:
    halt_serve(head)
    run_node(head)
    head.docker.inside = lambda _: Output(1, "", "processes [12] do not end\n")
    with pytest.raises(StepError, match=r"the server did not end: processes \[12\] do not end"):
        halt_serve(head)


def test_no_answer_of_ray_is_no_answer(head: FakeNode) -> None:
    run_node(head)
    assert ray_nodes(head) is None
    head.ray = [("10.0.0.1", 1)]
    assert ray_nodes(head) == (RayNode("10.0.0.1", 1),)


def test_what_ray_itself_prints_does_not_count() -> None:
    output = '2026-11-21 INFO worker.py:1 -- Connecting\n[{"ip": "10.0.0.1", "gpus": 8}]\n'
    assert read_ray_nodes(output) == (RayNode("10.0.0.1", 8),)
    assert read_ray_nodes("[]") == ()


@pytest.mark.parametrize(
    ("nodes", "alive", "missing"),
    [
        (("10.0.0.1", "10.0.0.2"), ["10.0.0.1"], "not joined yet: 10.0.0.2"),
        (("10.0.0.1", "10.0.0.2"), [], "not joined yet: 10.0.0.1, 10.0.0.2"),
        (("10.0.0.1", "10.0.0.2"), ["10.0.0.2", "10.0.0.1"], None),
        ((), ["10.0.0.1"], "1 of 2 nodes not joined yet"),
        ((), ["10.0.0.1", "10.0.0.9"], None),
    ],
)
def test_peers_that_are_missing_are_named(
    head: FakeNode, nodes: tuple[str, ...], alive: list[str], missing: str | None
) -> None:
    config = replace(config_of(head), nodes=nodes)
    assert missing_peers(config, tuple(RayNode(ip, 1) for ip in alive)) == missing
