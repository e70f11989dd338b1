"""One node probes another over real sockets of the loopback network."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from installer.node import Node
from installer.node.calls import REFUSED, SILENT, Route
from installer.peers.doors import standing
from installer.peers.probe import probe_all
from installer.peers.responder import Responder
from tests.integration.installer_peers.conftest import (
    HERE,
    IDENTITY,
    STRANGER,
    THERE,
    answering,
    config_at,
    doors_at,
    probe,
)


def test_nodes_that_reach_each_other(responder: Responder) -> None:
    began = time.monotonic()
    found = probe(HERE, THERE)
    assert (found.blocks, found.absent) == ((), "")
    assert found.identity is not None
    assert found.identity.gpus == IDENTITY.gpus
    assert abs(found.identity.clock - time.time()) < 3
    assert time.monotonic() - began < 1


def test_a_stranger_is_told_so(responder: Responder) -> None:
    assert probe(STRANGER, THERE).absent == f"answers, but: {STRANGER} is not one of the --nodes of {THERE}"


def test_nobody_is_there() -> None:
    assert probe(HERE, THERE).knock == REFUSED


def test_an_address_that_this_machine_does_not_have_is_no_peers_fault() -> None:
    found = probe("192.0.2.1", THERE)
    assert found.knock == SILENT
    assert "Cannot assign requested address" in found.absent


def test_many_peers_take_no_longer_than_one(responder: Responder) -> None:
    began = time.monotonic()
    assert [found.absent for found in probe_all(Node(), HERE, (THERE,) * 6, doors_at(HERE))] == [""] * 6
    assert time.monotonic() - began < 3


def test_what_a_probe_opens_is_closed_again(responder: Responder) -> None:
    node = Node()
    with node.open_ports(HERE, (), 3, ()) as ports:
        assert [node.knock(Route(THERE, HERE, port)).got_through for port in ports] == [True] * 3
    assert [node.knock(Route(THERE, HERE, port)).state for port in ports] == [REFUSED] * 3


def test_a_peer_that_answers_slowly_is_given_up() -> None:
    def answer(_line: bytes, _source: str) -> "Slow":
        return Slow()

    with answering(answer):
        began = time.monotonic()
        assert probe(HERE, THERE).absent == "did not answer within 5 s"
        assert time.monotonic() - began < 7


class Slow:
    """Takes longer to answer than anybody waits."""

    def __enter__(self) -> bytes:
        time.sleep(6)
        return b"{}\n"

    def __exit__(self, *_: object) -> None:
        return


def test_a_door_that_stays_open_takes_any_number_of_knocks() -> None:
    """More than a queue of those whom nobody takes would hold."""
    node = Node()
    with node.open_ports(HERE, (), 1, ()) as (port,):
        assert all(node.knock(Route(THERE, HERE, port)).got_through for _ in range(400))


def test_a_port_that_was_knocked_at_is_free_at_once() -> None:
    """Also for a program that does not ask for it with SO_REUSEADDR: nothing is left in TIME_WAIT."""
    node = Node()
    with node.open_ports(HERE, (), 1, ()) as (port,):
        assert node.knock(Route(THERE, HERE, port)).got_through
    with socket.socket() as other:
        other.bind((HERE, port))


def test_workers_that_all_look_at_each_other_at_once_find_nothing(responder: Responder) -> None:
    """One looks while its own responder tells others what it has."""
    here = replace(responder, opening=lambda: standing(Node(), config_at(HERE)))
    there = replace(responder, opening=lambda: standing(Node(), config_at(STRANGER)), peers=frozenset())
    with answering(here.answer, ip=HERE), answering(there.answer, ip=STRANGER), ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            looks = [pool.submit(probe, HERE, STRANGER), pool.submit(probe, STRANGER, HERE)]
            assert [look.result().blocks for look in looks] == [(), ()]
