from dataclasses import replace

import pytest

from installer.facts.docker import Container
from installer.facts.network import Interface, Listener
from installer.index.settings import PEER_PORT
from installer.preflight import Situation, findings_of
from installer.preflight.finding import problem, warning
from tests.fakes.situation import NODES, WORKER, alone, is_quiet, only, told, with_cluster, with_facts, with_serve

LO = Interface("lo", 65536, is_up=True, addresses=("127.0.0.1",))
ETH0 = Interface("eth0", 1500, is_up=True, addresses=("10.0.0.1",))
DOCKER0 = Interface("docker0", 1500, is_up=True, addresses=("172.17.0.1",))


def on(at: Situation, *interfaces: Interface) -> Situation:
    return with_facts(at, "network", interfaces=interfaces)


def listening(at: Situation, *ports: int, address: str = "0.0.0.0") -> Situation:  # noqa: S104  # nobody listens
    return with_facts(at, "network", listeners=tuple(Listener(address, port) for port in ports))


def as_worker(at: Situation) -> Situation:
    return replace(at, member=WORKER)


def as_mp(at: Situation) -> Situation:
    return with_cluster(at, backend="mp")


def test_what_is_typed_wrong_stands_beside_all_else(good: Situation) -> None:
    wrong = problem("options", "--node-ip: '10.0.0.7' is on no interface of this node", "addresses: 10.0.0.1")
    at = with_facts(replace(good, options=(wrong,)), "system", systemd=0)
    assert [found.name for found in findings_of(at)] == ["options", "systemd"]


@pytest.mark.parametrize("interfaces", [(LO,), (LO, DOCKER0), (LO, replace(ETH0, addresses=()))])
def test_no_address(good: Situation, interfaces: tuple[Interface, ...]) -> None:
    at = on(replace(good, member=replace(good.member, node_ip="")), *interfaces)
    assert told(at)[:2] == ("address", "problem")


@pytest.mark.parametrize(
    ("interface", "what"),
    [
        (
            replace(ETH0, name="docker0"),
            "10.0.0.1 is on docker0, a network inside this machine: no other node reaches it",
        ),
        (
            replace(ETH0, name="virbr0"),
            "10.0.0.1 is on virbr0, a network inside this machine: no other node reaches it",
        ),
        (
            replace(ETH0, name="br-0123456789ab"),
            "10.0.0.1 is on br-0123456789ab, a network inside this machine: no other node reaches it",
        ),
        (
            replace(ETH0, name="podman0"),
            "10.0.0.1 is on podman0, a network inside this machine: no other node reaches it",
        ),
        (replace(ETH0, name="lo", addresses=("127.0.0.9",)), "127.0.0.9 is on lo, no other node reaches it"),
        (replace(ETH0, is_up=False), "eth0 with 10.0.0.1 is down"),
    ],
)
def test_an_address_on_an_interface_that_leads_nowhere(good: Situation, interface: Interface, what: str) -> None:
    other = Interface("eth9", 1500, is_up=True, addresses=("10.9.0.1",))
    at = replace(good, member=replace(good.member, node_ip=interface.addresses[0]))
    assert told(on(at, interface, other)) == ("interface", "problem", what)


@pytest.mark.parametrize("name", ["br-mgmt", "br-ex", "br-lan", "br0", "bond0.100", "vmbr0", "eno1"])
def test_a_bridge_may_be_the_nodes_way_out(good: Situation, name: str) -> None:
    assert is_quiet(on(good, LO, DOCKER0, replace(ETH0, name=name)))


def test_an_address_on_lo_may_be_routed_here(good: Situation) -> None:
    at = on(good, replace(LO, addresses=("127.0.0.1", "10.0.0.1")), replace(ETH0, addresses=("10.9.0.1",)))
    assert told(at)[:2] == ("interface", "warning")
    assert "only where routes to it lead here" in only(at).what


def test_a_name_that_resolves_to_the_node_itself_is_a_warning(good: Situation) -> None:
    """Of Debian's installer: 127.0.1.1. The containers are told their interface."""
    at = with_facts(good, "network", host_addresses=("127.0.1.1",))
    assert told(at)[:2] == ("hostname", "warning")
    assert "torchrun by hand hangs" in only(at).what
    assert only(at).fix == "in /etc/hosts: 10.0.0.1 node1"
    assert is_quiet(alone(at))


@pytest.mark.parametrize(
    ("port", "whose"),
    [
        (6379, "that of Ray's head"),
        (8000, "the API's"),
        (6380, "Ray's --node-manager-port"),
        (52365, "Ray's --dashboard-agent-listen-port"),
    ],
)
def test_a_port_that_is_taken(good: Situation, port: int, whose: str) -> None:
    at = listening(good, 22, port, address="127.0.0.1")
    assert told(at) == ("ports", "problem", f"port {port} is taken (by somebody at 127.0.0.1), it is {whose}")
    assert f"ss -ltnp 'sport = :{port}'" in only(at).fix


@pytest.mark.parametrize(
    ("address", "finds"),
    [("127.0.0.1", 0), ("192.168.122.1", 0), ("10.0.0.1", 1), ("0.0.0.0", 1), ("::", 1)],  # noqa: S104  # nobody listens
)
def test_the_port_of_probes_is_taken_on_the_nodes_own_address_alone(good: Situation, address: str, finds: int) -> None:
    found = findings_of(listening(good, PEER_PORT, address=address))
    assert [(one.name, one.level) for one in found] == [("ports", "problem")] * finds


def test_only_the_apis_port_may_be_chosen_on_site(good: Situation) -> None:
    assert "--set port=PORT" in only(listening(good, 8000)).fix
    assert "--set" not in only(listening(good, 6380)).fix
    assert is_quiet(with_serve(listening(good, 8000), port=8080))


def test_a_worker_has_neither_api_nor_head(good: Situation) -> None:
    assert is_quiet(listening(as_worker(good), 8000, 6379, 29501))
    assert only(listening(as_worker(good), 6380)).name == "ports"


def test_without_ray_its_ports_are_free_to_take(good: Situation) -> None:
    assert is_quiet(listening(as_mp(good), 6379, 6380, 20500))
    assert only(listening(as_mp(good), 29501)).what.endswith("it is vLLM's --master-port")
    assert is_quiet(listening(as_worker(as_mp(good)), 29501))
    assert is_quiet(listening(alone(as_mp(good)), 29501))


@pytest.mark.parametrize(("state", "label", "finds"), [("running", "node", 0), ("exited", "node", 2)])
def test_our_own_cluster_may_have_its_ports(good: Situation, state: str, label: str, finds: int) -> None:
    ours = Container("vllm-airgap-node", "sha256:ab", state, label)
    at = with_facts(listening(good, 6379, 20001), "docker", containers=(ours,))
    assert len(findings_of(at)) == finds


def test_ports_of_rays_workers_that_are_taken_are_a_warning(good: Situation) -> None:
    assert told(listening(good, 20000, 20999, 21000)) == (
        "worker-ports",
        "warning",
        "of the ports 20000-20999 of Ray's workers are taken: 20000, 20999",
    )


@pytest.mark.parametrize(
    ("ephemeral", "finds"),
    [
        ((32768, 60999), 0),
        ((0, 0), 0),
        ((1024, 65000), 1),
        ((15000, 20000), 1),
        ((20999, 60999), 1),
        ((21000, 60999), 0),
    ],
)
def test_ports_that_the_kernel_gives_to_others(good: Situation, ephemeral: tuple[int, int], finds: int) -> None:
    found = findings_of(with_facts(good, "network", ephemeral_ports=ephemeral))
    assert [(one.name, one.level) for one in found] == [("worker-ports", "warning")] * finds


def test_a_firewall_whose_rules_nobody_probed(good: Situation) -> None:
    at = with_facts(good, "network", firewalld=True)
    assert told(at)[:2] == ("firewall", "warning")
    assert "was not probed" in only(at).what
    assert only(at).fix == (
        f"firewall-cmd --permanent --zone=trusted --add-source={NODES[1]}/32; firewall-cmd --reload"
    )
    assert only(with_facts(good, "network", ufw=True)).fix == f"ufw allow from {NODES[1]}"


def test_a_firewall_that_was_probed_or_has_no_other_node(good: Situation) -> None:
    at = with_facts(good, "network", firewalld=True, ufw=True)
    assert is_quiet(replace(at, peers=()))
    assert is_quiet(alone(at))


@pytest.mark.parametrize("name", ["duplicate-address", "peer-unreachable", "peer-differs", "peers-not-probed"])
def test_what_was_found_between_the_nodes(good: Situation, name: str) -> None:
    found = warning(name, "10.0.0.2 is another one", "vllm-airgap preflight --listen there")
    assert only(replace(good, peers=(found,))) == found


def test_a_firewall_whose_node_did_not_answer(good: Situation) -> None:
    at = with_facts(good, "network", firewalld=True)
    absent = warning("peers-not-probed", "10.0.0.2 does not answer", "vllm-airgap preflight --listen there")
    assert [found.name for found in findings_of(replace(at, peers=(absent,)))] == ["firewall", "peers-not-probed"]


def test_the_port_of_probes_is_free_or_our_own(good: Situation) -> None:
    at = listening(good, PEER_PORT)
    assert told(at)[:2] == ("ports", "problem")
    assert is_quiet(replace(at, answers_peers=True))
    assert is_quiet(alone(at))


def test_rdma_that_is_there_and_not_used(good: Situation) -> None:
    at = with_facts(good, "network", rdma=("mlx5_0",))
    assert told(at)[:2] == ("rdma", "warning")
    assert only(at).what.startswith("this node has RDMA (mlx5_0), which NCCL_IB_DISABLE=1 leaves unused")
    assert is_quiet(with_cluster(at, env={}))
    assert is_quiet(alone(at))


@pytest.mark.parametrize("env", [{"NCCL_IB_HCA": "mlx5"}, {"NCCL_IB_DISABLE": "0"}])
def test_rdma_that_is_asked_for_and_not_there(good: Situation, env: dict[str, str]) -> None:
    assert told(with_cluster(good, env=env)) == (
        "rdma",
        "warning",
        "the settings ask for RDMA, and this node has no RDMA device: NCCL will use TCP here",
    )


@pytest.mark.parametrize("port", [6379, 6384, 20000, 20500])
def test_what_a_peer_has_our_responder_open_is_nobody_elses(good: Situation, port: int) -> None:
    at = listening(good, port, address=good.member.node_ip)
    assert not is_quiet(at)
    assert is_quiet(replace(at, answers_peers=True))
    assert not is_quiet(replace(listening(good, port, address="127.0.0.1"), answers_peers=True))
