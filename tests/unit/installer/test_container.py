from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from installer.container import (
    CACHE,
    CONTAINER,
    environment,
    in_node,
    model_inside,
    serve_command,
    serve_environment,
    start_node,
    stop_node,
)
from installer.settings import NodeConfig
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.installing import HEAD, WORKER, plan
from tests.fakes.node import FakeNode

IMAGE = f"sha256:{'0' * 64}"


@pytest.fixture
def head(root: Path, made: MadeBundle) -> NodeConfig:
    return plan(FakeNode(root / "head"), made, HEAD).config


@pytest.fixture
def worker(root: Path, made: MadeBundle) -> NodeConfig:
    return plan(FakeNode(root / "worker", ip="10.0.0.2"), made, WORKER).config


def as_mp(config: NodeConfig) -> NodeConfig:
    return replace(config, cluster=replace(config.cluster, backend="mp"))


def program_of(config: NodeConfig) -> tuple[str, ...]:
    """What runs in the cluster container."""
    command = start_node(config, IMAGE, "digest", rdma=False)
    at = command.index("--entrypoint")
    assert command[at + 2] == IMAGE
    return (command[at + 1], *command[at + 3 :])


def options_of(config: NodeConfig, *, rdma: bool = False) -> tuple[str, ...]:
    command = start_node(config, IMAGE, "digest", rdma=rdma)
    return command[: command.index("--entrypoint")]


def pairs(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def test_docker_starts_nothing_by_itself_and_pulls_nothing(head: NodeConfig) -> None:
    options = options_of(head)
    assert options[:2] == ("docker", "run")
    assert {"--rm", "--pull=never", "--init"} <= set(options)
    assert not [option for option in options if "restart" in option or "privileged" in option]


def test_the_container_has_the_hosts_network_its_gpus_and_bounded_logs(head: NodeConfig) -> None:
    found = pairs(options_of(head))
    expected = [("--name", CONTAINER), ("--network", "host"), ("--gpus", "all"), ("--shm-size", "10.24g")]
    for pair in [*expected, ("--log-opt", "max-size=100m"), ("--log-opt", "max-file=3")]:
        assert pair in found


def test_the_container_is_ours_and_says_of_which_settings_it_is(head: NodeConfig) -> None:
    found = pairs(options_of(head))
    assert ("--label", "vllm-airgap=node") in found
    assert ("--label", "vllm-airgap.config=digest") in found


def test_extra_files_are_mounted_read_only_where_there_are_any(root: Path, head: NodeConfig) -> None:
    made = make_bundle(root / "with-files", Recipe(files={"tiktoken/o200k_base.tiktoken": b"IQ== 0"}))
    config = plan(FakeNode(root / "node"), made, HEAD).config
    source = f"type=bind,source=/var/lib/vllm-airgap/staging/{made.sums_digest}/files,target=/files,readonly"
    assert ("--mount", source) in pairs(options_of(config))
    assert not any("target=/files" in option for option in options_of(head))


def test_the_model_is_mounted_read_only(head: NodeConfig) -> None:
    source = "type=bind,source=/var/lib/vllm-airgap/models/tiny,target=/models/tiny,readonly"
    assert ("--mount", source) in pairs(options_of(head))
    assert model_inside(head) == "/models/tiny"


def test_rdma_devices_come_with_the_right_to_lock_memory(head: NodeConfig) -> None:
    assert ("--device", "/dev/infiniband") in pairs(options_of(head, rdma=True))
    assert ("--ulimit", "memlock=-1") in pairs(options_of(head, rdma=True))
    assert "--device" not in options_of(head)


def test_a_ray_head(head: NodeConfig) -> None:
    program = program_of(head)
    assert program[:5] == ("ray", "start", "--block", "--head", "--port=6379")
    assert {"--include-dashboard=false", "--node-ip-address=10.0.0.1", "--num-gpus=1"} <= set(program)
    assert "--node-manager-port=6380" in program


def test_a_ray_worker(worker: NodeConfig) -> None:
    program = program_of(worker)
    assert program[:4] == ("ray", "start", "--block", "--address=10.0.0.1:6379")
    assert "--node-ip-address=10.0.0.2" in program
    assert "--head" not in program


def test_an_mp_head_leaves_room_for_the_server(head: NodeConfig) -> None:
    assert program_of(as_mp(head)) == ("sleep", "infinity")


def test_an_mp_worker_is_its_share_of_the_server(worker: NodeConfig) -> None:
    program = program_of(as_mp(worker))
    assert program == serve_command(as_mp(worker))
    for pair in [("--nnodes", "2"), ("--node-rank", "1"), ("--master-addr", "10.0.0.1"), ("--master-port", "29501")]:
        assert pair in pairs(program)
    assert program[-1] == "--headless"


def test_the_server_over_ray(head: NodeConfig) -> None:
    assert serve_command(head) == (
        *("vllm", "serve", "/models/tiny", "--served-model-name", "tiny"),
        *("--tensor-parallel-size", "2", "--pipeline-parallel-size", "1", "--gpu-memory-utilization", "0.90"),
        *("--port", "8000", "--max-model-len", "4096", "--distributed-executor-backend", "ray"),
    )
    assert serve_environment(head) == {"RAY_ADDRESS": "10.0.0.1:6379"}


def test_the_server_over_mp(head: NodeConfig) -> None:
    command = serve_command(as_mp(head))
    assert ("--distributed-executor-backend", "mp") in pairs(command)
    assert ("--node-rank", "0") in pairs(command)
    assert "--headless" not in command
    assert serve_environment(as_mp(head)) == {}


def test_a_server_alone_needs_no_ranks(head: NodeConfig) -> None:
    alone = replace(as_mp(head), nodes=(), cluster=replace(as_mp(head).cluster, nodes=1))
    assert serve_command(alone)[-2:] == ("--distributed-executor-backend", "mp")


def test_what_is_not_set_is_left_to_vllm(head: NodeConfig) -> None:
    assert "--max-model-len" not in serve_command(replace(head, serve=replace(head.serve, max_model_len=None)))


HOSTILE = [
    "%n",
    "$HOME",
    "${IFS}",
    'a" --privileged "b',
    "abc\\",
    "\\x0a",
    " ; rm -rf /",
    "-@+!:",
    "a b  c",
    "*",
    "`id`",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_one_argument_whatever_it_holds(head: NodeConfig, worker: NodeConfig, value: str) -> None:
    hostile = replace(
        head,
        cluster=replace(head.cluster, env={"NCCL_X": value}),
        serve=replace(head.serve, args=("--chat-template", value), name=value),
    )
    assert f"--env=NCCL_X={value}" in start_node(hostile, IMAGE, "digest", rdma=False)
    assert len(start_node(hostile, IMAGE, "digest", rdma=False)) == len(
        start_node(replace(hostile, cluster=replace(head.cluster, env={"NCCL_X": "1"})), IMAGE, "digest", rdma=False)
    )
    assert ("--served-model-name", value) in pairs(serve_command(hostile))
    assert serve_command(hostile)[-2:] == ("--chat-template", value)


def test_addresses_and_interfaces_are_always_named(worker: NodeConfig) -> None:
    found = environment(worker)
    assert (found["VLLM_HOST_IP"], found["NCCL_SOCKET_IFNAME"]) == ("10.0.0.2", "=eth0")
    assert found["GLOO_SOCKET_IFNAME"] == found["TP_SOCKET_IFNAME"] == "eth0"


def test_nothing_in_the_container_asks_the_network(head: NodeConfig) -> None:
    found = environment(head)
    assert (found["HF_HUB_OFFLINE"], found["TRANSFORMERS_OFFLINE"], found["VLLM_NO_USAGE_STATS"]) == ("1", "1", "1")
    assert ",target=/etc/resolv.conf,readonly" in " ".join(options_of(head))


def test_what_any_compiler_made_outlives_the_container(head: NodeConfig) -> None:
    found = environment(head)
    assert (found["TRITON_CACHE_DIR"], found["CUDA_CACHE_PATH"]) == ("/root/.cache/triton", "/root/.cache/nv")
    assert f"type=bind,source={CACHE},target=/root/.cache" in options_of(head)


def test_the_bundles_variables_do_not_win_over_ours(head: NodeConfig) -> None:
    config = replace(head, cluster=replace(head.cluster, env={"VLLM_HOST_IP": "1.2.3.4", "NCCL_DEBUG": "INFO"}))
    assert (environment(config)["VLLM_HOST_IP"], environment(config)["NCCL_DEBUG"]) == ("10.0.0.1", "INFO")


@pytest.mark.parametrize(
    ("version", "knows"),
    [
        ("2.52.0", True),
        ("2.60.0", True),
        ("3.0.0", True),
        ("2.51.9", False),
        ("2.9.3", False),
        ("", False),
        ("x", False),
    ],
)
def test_ray_has_an_authentication_mode_from_2_52_on(head: NodeConfig, version: str, *, knows: bool) -> None:
    assert ("RAY_AUTH_MODE" in environment(replace(head, ray_version=version))) is knows


def test_a_command_in_the_container() -> None:
    assert in_node("vllm", "serve", environment={"B": "2", "A": "1"}) == (
        *("docker", "exec", "--env=A=1", "--env=B=2", CONTAINER),
        *("vllm", "serve"),
    )


def test_the_container_has_a_minute_to_stop() -> None:
    assert stop_node() == ("docker", "stop", "-t", "60", CONTAINER)
