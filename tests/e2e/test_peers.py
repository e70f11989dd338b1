"""Preflight between two real nodes that have nothing yet: one answers with `--listen`, the other looks."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles
from testbed.bundles import Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from installer.preflight import WARNING
from tests.e2e.conftest import BUILD
from tests.e2e.preflights import assert_only, assert_told, carried, condition, look, until
from tests.e2e.troubles import HEAD, NO_SECOND, SECOND, WORKER, Trouble, card

EVERYONE = ("--nodes", f"{HEAD},{WORKER}")
AS_HEAD = (*carried(), "--role", "head", *EVERYONE)
LISTENS_SECONDS = 20
ALONE = {"container", "peers-not-probed"}
BOTH = {"container"}
SECOND_GPU = card(SECOND, "30200", "1EB8")
WIDE = "/media/usb/wide"
DROP = "INPUT -p tcp --syn -j DROP"
REJECT = "INPUT -p tcp --dport 30000:65535 -j REJECT --reject-with icmp-admin-prohibited"
RAYS = "INPUT -p tcp --dport 6380:6384 -j REJECT"
OF_RAY = "6379-6384, 20000, 20500, 20999, 52365"
FREE = "freely chosen ports, as NCCL and Gloo take them, are closed"


@pytest.fixture(scope="module", autouse=True)
def _wide(made: Inputs, release: Release, bundles_folder: Path, head: Node, nodes_are_on: None) -> None:
    """The head also has another bundle by the same makers, for nodes with two GPUs."""
    folder = bundles_folder / "wide-release"
    bundles.clear(folder)
    folder.mkdir(parents=True)
    wide = Wish(name="wide", gpus_per_node=2)
    head.carry(bundles.build_by(release.key, made, HostDocker(BUILD), folder / "wide", wide).bundle)


@pytest.fixture(scope="module")
def listening(head: Node, worker: Node) -> Iterator[None]:
    """On the worker, ended as by Ctrl-C."""
    process = worker.spawn(*carried(), "--role", "worker", *EVERYONE, "--listen")
    until(lambda: "peers-not-probed" not in look(head, *AS_HEAD).names, LISTENS_SECONDS)
    yield
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert f"answering at {WORKER}:6385" in out.decode()
    assert out.decode().count(f"asked by {HEAD}") == 1


def test_too_few_gpus(head: Node) -> None:
    command = (*carried(WIDE), "--role", "head", *EVERYONE)
    assert_told(look(head, *command), Trouble("gpus", "this node has 1 GPU, the bundle is for 2 on each node"))
    with condition(head, SECOND_GPU, NO_SECOND):
        assert_only(look(head, *command), ALONE)


def test_nodes_that_reach_each_other_have_nothing_to_say(head: Node, listening: None) -> None:
    assert_only(look(head, *AS_HEAD), BOTH)


@pytest.mark.parametrize(
    ("closed", "rule", "says"),
    [
        ("worker", DROP, f"{HEAD} -> {WORKER}: port 6385 is closed, though the machine is there"),
        ("worker", REJECT, f"{HEAD} -> {WORKER}: ports of the cluster (52365) and {FREE}"),
        ("worker", RAYS, f"{HEAD} -> {WORKER}: ports of the cluster (6380-6384) are closed"),
        ("head", DROP, f"{WORKER} -> {HEAD}: ports of the cluster ({OF_RAY}) and {FREE}"),
    ],
    ids=["all of the worker", "the worker's high ports", "the worker's ports of Ray", "the way back"],
)
def test_a_firewall_between_the_nodes(site: Site, listening: None, closed: str, rule: str, says: str) -> None:
    head = site.nodes["head"]
    with condition(site.nodes[closed], f"iptables -I {rule}", f"iptables -D {rule}"):
        assert_told(look(head, *AS_HEAD), Trouble("peer-unreachable", says))
    assert_only(look(head, *AS_HEAD), BOTH)


def test_another_mtu(head: Node, listening: None) -> None:
    with condition(head, "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500"):
        seen = look(head, *AS_HEAD)
    assert_told(seen, Trouble("peer-differs", "the nodes differ in: MTU", level=WARNING))
    assert f"{HEAD} (head)    1400; {WORKER} (worker)  1500" in seen.of("peer-differs")[0].what
    assert_only(look(head, *AS_HEAD), BOTH)


def test_another_bundle(head: Node, listening: None) -> None:
    with condition(head, SECOND_GPU, NO_SECOND):
        seen = look(head, *carried(WIDE), "--role", "head", *EVERYONE)
    assert_told(seen, Trouble("peer-differs", "the nodes differ in: bundle", level=WARNING))
    assert f"{HEAD} (head)    wide 1 " in seen.of("peer-differs")[0].what
    assert f"{WORKER} (worker)  testbed 1 " in seen.of("peer-differs")[0].what
