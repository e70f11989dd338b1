from dataclasses import replace
from pathlib import Path

import pytest

from installer.index.settings import PEER_PORT
from installer.peers.findings import look_between
from installer.peers.identity import Identity
from installer.preflight import PROBLEM, WARNING, Finding, Report
from installer.settings import Answers
from installer.survey import Survey, configure, survey
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.installing import HEAD, WORKER, install, install_again
from tests.fakes.network import connect, every_port
from tests.fakes.node import FakeNode
from tests.fakes.tree import tree
from tests.unit.installer.peers.nodes import DOOR, ELSEWHERE, HERE, THERE, Pair, doors_of, identity

DOUBLE = "02:00:00:00:00:09"


def look(pair: Pair) -> tuple[Finding, ...]:
    return look_of(pair, identity(HERE), (THERE,), 2)


def look_of(pair: Pair, own: Identity, peers: tuple[str, ...], count: int) -> tuple[Finding, ...]:
    return look_between(pair.here, own, peers, count, doors_of(pair.here))


def only(pair: Pair) -> Finding:
    (found,) = look(pair)
    return found


def test_nothing_is_found_between_equal_nodes_that_reach_each_other(pair: Pair) -> None:
    assert look(pair) == ()


def test_a_closed_firewall_is_told_with_direction_port_and_what_to_type_where(pair: Pair) -> None:
    pair.network.closed[THERE, HERE] = every_port
    found = only(pair)
    assert (found.name, found.level) == ("peer-unreachable", PROBLEM)
    free = [route.port for route in pair.network.probes if route.source == THERE and route.port > 40000][-3:]
    assert found.what == (
        f"{THERE} -> {HERE}: ports of the cluster (6379-6384, 20000, 20500, 20999, 52365) and freely chosen ports, "
        f"as NCCL and Gloo take them, are closed (tried {free[0]}-{free[-1]})"
    )
    assert found.fix == (
        f"on {HERE}: firewall-cmd --permanent --zone=trusted --add-source={THERE}/32; firewall-cmd --reload"
        f" | with ufw: ufw allow from {THERE} | else: iptables -I INPUT -s {THERE} -j ACCEPT"
        f" (unless {THERE} itself lets nothing out: iptables -S OUTPUT there)"
    )


def test_a_port_of_rays_that_is_closed_is_named(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port in (6381, 20999)
    assert only(pair).what == f"{HERE} -> {THERE}: ports of the cluster (6381, 20999) are closed"


def test_a_firewall_that_closes_the_port_of_probes_too(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = every_port
    assert only(pair).what == f"{HERE} -> {THERE}: port {PEER_PORT} is closed, though the machine is there"
    assert only(pair).fix.startswith(f"on {THERE}: firewall-cmd --permanent --zone=trusted --add-source={HERE}/32")


def test_lost_packets_are_no_firewall(pair: Pair) -> None:
    pair.network.narrow.add((HERE, THERE))
    found = only(pair)
    assert found.name == "peer-unreachable"
    assert found.what == f"{HERE} -> {THERE}: small packets get through, large ones are lost on the way"
    assert "MTU" in found.fix
    assert "firewall" not in found.fix


def test_an_absent_peer_is_a_warning_with_what_to_type_there(pair: Pair) -> None:
    del pair.network.services[DOOR]
    found = only(pair)
    assert (found.name, found.level) == ("peers-not-probed", WARNING)
    assert found.what.startswith(f"not probed: {THERE} is there, and nobody answers at its port {PEER_PORT}")
    assert "preflight --listen" in found.fix


def test_all_absent_peers_are_one_warning(pair: Pair) -> None:
    (found,) = look_of(pair, identity(HERE), ("10.0.0.8", "10.0.0.9"), 3)
    assert found.name == "peers-not-probed"
    assert "10.0.0.8 does not answer at all" in found.what
    assert "; 10.0.0.9 does not answer at all" in found.what


def test_peers_that_nobody_named(pair: Pair) -> None:
    (found,) = look_of(pair, identity(HERE), (), 2)
    assert (found.name, found.level) == ("peers-not-probed", WARNING)
    assert found.what == "the addresses of the other 1 nodes are not known here"
    assert found.fix.startswith("--nodes")


def test_a_single_node_has_no_peers(pair: Pair) -> None:
    assert look_of(pair, identity(HERE), (), 1) == ()


def test_differences_are_one_table_that_is_shown_as_it_is(pair: Pair) -> None:
    (found,) = look_of(pair, identity(HERE, driver="535.183.01"), (THERE,), 2)
    assert (found.name, found.level) == ("peer-differs", WARNING)
    report = Report("demo", "1", 1, "node1", "head", HERE, (found,))
    indent = " " * len("warning  peer-differs  ")
    assert report.table(118)[:4] == (
        "warning  peer-differs  the nodes differ in: driver",
        f"{indent}node              driver",
        f"{indent}10.0.0.1 (node1)  535.183.01",
        f"{indent}10.0.0.2 (node2)  550.127.08",
    )
    assert "\n" not in str(report.document())


# --- of this node's own address


def test_another_machine_with_this_nodes_address_is_named(pair: Pair) -> None:
    pair.network.claimed[HERE] = DOUBLE
    found = only(pair)
    assert (found.name, found.level) == ("duplicate-address", PROBLEM)
    assert found.what == f"{DOUBLE} on eth0 says that it has {HERE} too: the nodes reach now one, now the other"
    assert found.fix.startswith("find that machine by its MAC address")


def test_a_single_node_may_have_a_double_too(pair: Pair) -> None:
    pair.network.claimed[HERE] = DOUBLE
    (found,) = look_of(pair, identity(HERE), (), 1)
    assert found.name == "duplicate-address"


def test_only_root_can_ask_who_else_has_its_address(pair: Pair) -> None:
    pair.network.claimed[HERE] = DOUBLE
    pair.here.as_root = False
    assert look(pair) == ()


def test_an_address_on_no_interface_is_asked_for_nowhere(pair: Pair) -> None:
    pair.network.claimed[ELSEWHERE] = DOUBLE
    assert look_of(pair, identity(ELSEWHERE), (), 1) == ()


# --- of a whole node


@pytest.fixture
def head(root: Path) -> FakeNode:
    return FakeNode(root / "head")


@pytest.fixture
def worker(root: Path) -> FakeNode:
    return FakeNode(root / "worker", THERE)


def surveyed(node: FakeNode, made: MadeBundle, answers: Answers = HEAD) -> Survey:
    with made.opened() as bundle:
        return survey(node, bundle, answers, None)


def names(seen: Survey) -> list[str]:
    return [found.name for found in seen.report.findings]


def test_an_installed_peer_answers_by_its_unit(head: FakeNode, worker: FakeNode, made: MadeBundle) -> None:
    connect(head, worker)
    assert names(surveyed(worker, made, WORKER)) == ["peers-not-probed"]
    install(head, made, HEAD)
    assert names(surveyed(worker, made, WORKER)) == []


def test_a_peer_with_another_bundle_is_a_difference_and_no_stop(
    head: FakeNode, worker: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    """As in every upgrade, between the first node and the last."""
    connect(head, worker)
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, image="v2"))
    install(head, newer, HEAD)
    seen = surveyed(worker, made, WORKER)
    assert [(found.name, found.level) for found in seen.report.findings] == [("peer-differs", WARNING)]
    assert "the nodes differ in: bundle, image" in seen.report.findings[0].what
    assert seen.prepared() is seen.decided


def test_a_firewall_stops_an_install_unless_it_is_ignored(head: FakeNode, worker: FakeNode, made: MadeBundle) -> None:
    network = connect(head, worker)
    install(head, made, HEAD)
    network.closed[HERE, THERE] = every_port
    seen = surveyed(worker, made, WORKER)
    assert [found.name for found in seen.report.problems] == ["peer-unreachable"]
    assert replace(seen.report, ignored=frozenset({"peer-unreachable"})).problems == ()


def test_a_double_stops_an_install_unless_it_is_ignored(head: FakeNode, made: MadeBundle) -> None:
    install(head, made, HEAD)
    head.network.claimed[HERE] = DOUBLE
    seen = surveyed(head, made, Answers())
    assert [found.name for found in seen.report.problems] == ["duplicate-address"]
    assert replace(seen.report, ignored=frozenset({"duplicate-address"})).problems == ()


def test_a_look_at_the_peers_changes_nothing(head: FakeNode, worker: FakeNode, made: MadeBundle) -> None:
    connect(head, worker)
    install(head, made, HEAD)
    before = [tree(node.root) for node in (head, worker)]
    head.changes.forget()
    surveyed(worker, made, WORKER)
    assert [tree(node.root) for node in (head, worker)] == before
    assert head.changes.done == worker.changes.done == []


def test_a_second_install_beside_a_peer_changes_nothing(head: FakeNode, worker: FakeNode, made: MadeBundle) -> None:
    network = connect(head, worker)
    install(head, made, HEAD)
    network.doors.add((HERE, 6379))
    told = install(worker, made, WORKER)
    assert told.health is not None
    assert (told.health.missing, told.health.peers) == ("", ())
    answers = dict(network.services)
    for node, options in ((head, HEAD), (worker, WORKER)):
        install_again(node, made, options)
    assert network.services == answers


def test_the_port_of_probes_may_be_our_own(head: FakeNode, made: MadeBundle) -> None:
    install(head, made, HEAD)
    head.linux.listeners.append((HERE, PEER_PORT))
    head.docker.containers.clear()  # so that only the responder is there
    assert names(surveyed(head, made, Answers())) == ["peers-not-probed"]
    head.network.services.clear()
    assert names(surveyed(head, made, Answers())) == ["ports", "peers-not-probed"]


def test_the_list_of_nodes_tells_the_role_too(head: FakeNode, worker: FakeNode, made: MadeBundle) -> None:
    nodes = Answers(nodes=(HERE, THERE))
    with made.opened() as bundle:
        assert configure(head, bundle, nodes).role == "head"
        assert configure(worker, bundle, nodes).role == "worker"
