from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from installer.errors import AirgapError, MalformedError, UsageError
from installer.index.document import Index
from installer.node.network import Address
from installer.settings import Answers, NodeConfig, Site, decide_site, node_config, parse_site, wrong_options
from tests.fakes.bundle import MadeBundle

LOCAL = (Address("lo", "127.0.0.1"), Address("eth0", "10.0.0.1"))
NODES = ("10.0.0.1", "10.0.0.2")
HEAD = Answers(role="head", nodes=NODES)
SITE = Site("head", "10.0.0.1", "10.0.0.1", NODES, "/var/lib/vllm-airgap/models", {})


@pytest.fixture
def index(made: MadeBundle) -> Index:
    return made.index


def as_mp(index: Index) -> Index:
    return replace(index, cluster=replace(index.cluster, backend="mp"))


def of_one_node(index: Index) -> Index:
    return replace(index, cluster=replace(index.cluster, nodes=1))


def test_the_list_of_nodes_is_enough_for_a_head(index: Index) -> None:
    assert decide_site(HEAD, index, None, LOCAL) == SITE


def test_a_worker_finds_itself_and_the_head_in_the_list(index: Index) -> None:
    site = decide_site(Answers(role="worker", nodes=NODES), index, None, (Address("eth0", "10.0.0.2"),))
    assert (site.role, site.node_ip, site.head) == ("worker", "10.0.0.2", "10.0.0.1")


def test_without_a_list_a_worker_needs_its_address_and_the_heads(index: Index) -> None:
    site = decide_site(Answers(role="worker", node_ip="10.0.0.1", head="10.0.0.9"), index, None, LOCAL)
    assert (site.node_ip, site.head, site.nodes) == ("10.0.0.1", "10.0.0.9", ())


REFUSED = [
    (Answers(), "--role is missing"),
    (Answers(role="head"), "--node-ip is missing"),
    (Answers(role="head", node_ip="10.0.0.7"), "--node-ip: '10.0.0.7' is on no interface of this node"),
    (Answers(role="head", node_ip="0.0.0.0"), "--node-ip: '0.0.0.0' is on no interface of this node"),  # noqa: S104
    (Answers(role="head", node_ip="127.0.0.1"), "--node-ip: '127.0.0.1' is on no interface of this node"),
    (Answers(role="head", node_ip="::"), "--node-ip: '::' is on no interface of this node"),
    (Answers(role="head", node_ip="node1"), "--node-ip: 'node1' is on no interface of this node"),
    (Answers(role="head", node_ip="\x1b[1m"), r"--node-ip: '\\x1b[1m' is on no interface of this node"),
    (Answers(role="head", node_ip="10.0.0.1", nodes=("10.0.0.2", "10.0.0.3")), "--node-ip: 10.0.0.1 is not in --nodes"),
    (Answers(role="head", nodes=("10.0.0.8", "10.0.0.9")), "--nodes: 10.0.0.8,10.0.0.9: none of them is this node"),
    (Answers(role="head", nodes=("10.0.0.1", "node2")), "--nodes: 'node2' is not the IPv4 address of a node"),
    (Answers(role="head", nodes=("10.0.0.1", "")), "--nodes: '' is not the IPv4 address of a node"),
    (Answers(role="head", nodes=("10.0.0.1", "10.0.0.1")), "--nodes: an address stands twice"),
    (Answers(role="head", nodes=("10.0.0.1",)), "--nodes: 1 address, but the bundle is for 2 nodes"),
    (Answers(role="head", nodes=(*NODES, "10.0.0.3")), "--nodes: 3 addresses, but the bundle is for 2 nodes"),
    (Answers(role="head", nodes=("10.0.0.2", "10.0.0.1")), "this node is 10.0.0.1, but the head is 10.0.0.2"),
    (Answers(role="head", node_ip="10.0.0.1", head="10.0.0.2"), "this node is 10.0.0.1, but the head is 10.0.0.2"),
    (Answers(role="head", nodes=NODES, head="10.0.0.2"), "--head: 10.0.0.2 is not the first of --nodes"),
    (Answers(role="worker", node_ip="10.0.0.1"), "--head is missing"),
    (Answers(role="worker", node_ip="10.0.0.1", head="head"), "--head: 'head' is not the IPv4 address of a node"),
    (Answers(role="worker", node_ip="10.0.0.1", head="10.0.0.1"), "--head: 10.0.0.1 is this worker itself"),
    (Answers(role="worker", nodes=NODES), "--role worker: this node is 10.0.0.1, the head"),
    (replace(HEAD, data_dir="models"), "--data-dir: 'models' is not an absolute path"),
    (replace(HEAD, data_dir="/a,b"), "--data-dir: '/a,b' is not an absolute path"),
    (replace(HEAD, data_dir='/a"b'), "--data-dir: '/a\"b' is not an absolute path"),
    (replace(HEAD, data_dir="/a\nb"), r"--data-dir: '/a\nb' is not an absolute path"),
    (replace(HEAD, overrides=("port",)), "--set 'port': not KEY=VALUE"),
]


@pytest.mark.parametrize(("answers", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_does_not_fit_together_is_refused(index: Index, answers: Answers, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        decide_site(answers, index, None, LOCAL)
    assert message in str(caught.value)


@pytest.mark.parametrize(("answers", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_refused_is_among_what_is_told_as_wrong(index: Index, answers: Answers, message: str) -> None:
    assert any(message in str(error) for error in wrong_options(answers, index, None, LOCAL))


def test_options_that_are_wrong_for_reasons_of_their_own_are_told_together(index: Index) -> None:
    wrong = wrong_options(replace(HEAD, role="", data_dir="models", overrides=("port=1",)), index, None, LOCAL)
    assert [str(error).split(":")[0] for error in wrong] == ["--role is missing", "--data-dir", "--set.port"]
    assert wrong_options(HEAD, index, SITE, LOCAL) == []


def test_the_hint_names_the_addresses_that_could_be_meant(index: Index) -> None:
    local = (*LOCAL, Address("ib0", "192.168.0.1"))
    of_one = hint_of(Answers(role="head"), of_one_node(index), local)
    assert of_one == "--node-ip IP; addresses of this node: 10.0.0.1, 192.168.0.1"
    two_here = hint_of(Answers(role="head", nodes=("10.0.0.1", "192.168.0.1")), index, local)
    assert two_here == "addresses of this node: 10.0.0.1, 192.168.0.1"


@pytest.mark.parametrize(
    ("answers", "else_typed"),
    [
        (Answers(role="head"), "--node-ip IP; addresses of this node: 10.0.0.1"),
        (Answers(role="worker"), "--node-ip IP; addresses of this node: 10.0.0.1"),
        (Answers(role="worker", node_ip="10.0.0.1"), "--head IP, the head node's address"),
    ],
)
def test_the_list_of_nodes_is_named_first_where_it_settles_all(index: Index, answers: Answers, else_typed: str) -> None:
    settled = "--nodes IP,IP,... settles it: the addresses of all 2 nodes, head first; or "
    assert hint_of(answers, index, LOCAL) == settled + else_typed


def test_a_list_of_another_length_is_answered_by_what_it_must_have(index: Index) -> None:
    hint = "--nodes takes the addresses of all 2 nodes, head first"
    assert hint_of(Answers(role="head", nodes=("10.0.0.1",)), index, LOCAL) == hint
    assert hint_of(HEAD, of_one_node(index), LOCAL) == "--node-ip IP names the only node"


def hint_of(answers: Answers, index: Index, local: tuple[Address, ...]) -> str:
    with pytest.raises(UsageError) as caught:
        decide_site(answers, index, None, local)
    return caught.value.hint


def test_every_rank_of_an_mp_cluster_must_be_known(index: Index) -> None:
    with pytest.raises(UsageError, match="--nodes is missing"):
        decide_site(Answers(role="head", node_ip="10.0.0.1"), as_mp(index), None, LOCAL)
    assert decide_site(HEAD, as_mp(index), None, LOCAL) == SITE


def test_one_node_has_no_worker(index: Index) -> None:
    with pytest.raises(UsageError, match="--role worker: the bundle is for one node"):
        decide_site(Answers(role="worker", node_ip="10.0.0.1", head="10.0.0.2"), of_one_node(index), None, LOCAL)
    alone = decide_site(Answers(role="head", node_ip="10.0.0.1"), of_one_node(as_mp(index)), None, LOCAL)
    assert alone.head == "10.0.0.1"


def test_what_was_said_once_needs_no_saying_again(index: Index) -> None:
    before = replace(SITE, data_dir="/data", overrides={"port": "8001"})
    assert decide_site(Answers(), index, before, LOCAL) == before


def test_what_is_said_anew_wins_and_the_rest_is_remembered(index: Index) -> None:
    before = replace(SITE, data_dir="/data", overrides={"port": "8001", "max_model_len": "100"})
    site = decide_site(Answers(data_dir="/other", overrides=("port=8002",)), index, before, LOCAL)
    assert site == replace(before, data_dir="/other", overrides={"port": "8002", "max_model_len": "100"})


def test_a_worker_that_becomes_the_head_forgets_the_old_head(index: Index) -> None:
    before = Site("worker", "10.0.0.1", "10.0.0.9", (), "/data", {})
    assert decide_site(Answers(role="head"), index, before, LOCAL).head == "10.0.0.1"


def test_a_site_survives_its_file() -> None:
    site = replace(SITE, overrides=MappingProxyType({"NCCL_DEBUG": "INFO"}))
    assert parse_site(site.render()) == replace(site, overrides={"NCCL_DEBUG": "INFO"})


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", SITE.render().replace(b"role", b"rule")])
def test_a_damaged_site_file_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_site(data)


def test_a_node_config_survives_its_file(index: Index) -> None:
    config = node_config(SITE, index, LOCAL)
    assert NodeConfig.parse(config.render()) == config
    assert (config.interface, config.rank, config.model_dir) == ("eth0", 0, "/var/lib/vllm-airgap/models/tiny")
    assert config.ray_version == "2.60.0"


OVERRIDES = [
    ("max_model_len=2048", "serve", "max_model_len", 2048),
    ("gpu_memory_utilization=0.5", "serve", "gpu_memory_utilization", "0.5"),
    ("tensor_parallel_size=1", "serve", "tensor_parallel_size", 1),
    ("pipeline_parallel_size=1", "serve", "pipeline_parallel_size", 1),
    ("port=9000", "serve", "port", 9000),
    ("shm_size=64m", "cluster", "shm_size", "64m"),
    ("NCCL_DEBUG=INFO", "cluster", "env", {"NCCL_IB_DISABLE": "1", "NCCL_DEBUG": "INFO"}),
    ("GLOO_X=a=b", "cluster", "env", {"NCCL_IB_DISABLE": "1", "GLOO_X": "a=b"}),
    ("NCCL_IB_DISABLE=0", "cluster", "env", {"NCCL_IB_DISABLE": "0"}),
]


@pytest.mark.parametrize(("pair", "part", "key", "value"), OVERRIDES)
def test_what_a_site_may_set(index: Index, pair: str, part: str, key: str, value: object) -> None:
    config = node_config(decide_site(replace(HEAD, overrides=(pair,)), index, None, LOCAL), index, LOCAL)
    assert getattr(getattr(config, part), key) == value


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("tensor_parallel_size=4", "--set.tensor_parallel_size: with pipeline_parallel_size they need 4 GPUs of 2"),
        ("max_model_len=0", "--set.max_model_len: 0 is not between"),
        ("max_model_len=-1", "--set.max_model_len: not a whole number"),
        ("max_model_len=", "--set.max_model_len: not a whole number"),
        ("gpu_memory_utilization=1.5", "--set.gpu_memory_utilization: '1.5' is not a fraction"),
        ("tensor_parallel_size=2.0", "--set.tensor_parallel_size: not a whole number"),
        ("port=22", "--set.port: 22 is not between"),
        ("port=65536", "--set.port: 65536 is not between"),
        ("port=6379", "6379 is cluster.port too"),
        ("port=20500", "lies in the range of Ray's workers"),
        ("shm_size=10", "--set.shm_size: '10' is not a size"),
        ("NCCL_SOCKET_IFNAME=eth1", "NCCL_SOCKET_IFNAME: set by the installer"),
        ("NCCL_x=1", "NCCL_x: not a name like"),
        ("NCCL_A=a\nb", r"NCCL_A: 'a\\nb' has a control character"),
        ("NCCL_AUTH_TOKEN=hush", "--set.env.NCCL_AUTH_TOKEN: a secret, and here it would lie open in the bundle"),
        ("NCCL_AUTH_TOKEN=hush\n", "--set.env.NCCL_AUTH_TOKEN: a secret, and here it would lie open in the bundle"),
        ("args=--trust-remote-code", "--set.args: cannot be set on site"),
        ("VLLM_API_KEY=x", "--set.VLLM_API_KEY: cannot be set on site"),
        ("LD_PRELOAD=/x.so", "--set.LD_PRELOAD: cannot be set on site"),
        ("=1", ": cannot be set on site"),
    ],
)
def test_what_a_site_may_not_set(index: Index, pair: str, message: str) -> None:
    key, _, value = pair.partition("=")
    site = replace(SITE, overrides={key: value})
    with pytest.raises(AirgapError) as caught:
        node_config(site, index, LOCAL)
    assert (caught.value.exit_code, message in str(caught.value)) == (2, True), caught.value
    assert "hush" not in str(caught.value)


def test_the_model_is_below_the_data_directory_the_person_chose(index: Index, tmp_path: Path) -> None:
    site = decide_site(replace(HEAD, data_dir=str(tmp_path)), index, None, LOCAL)
    assert node_config(site, index, LOCAL).model_dir == f"{tmp_path}/tiny"
