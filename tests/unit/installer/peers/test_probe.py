from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from installer.index.settings import PEER_PORT
from installer.node.calls import BROKEN, LATE, REFUSED, SILENT, Heard, Knock, NoAnswerError, Route
from installer.peers.probe import PACKETS, PORT, Block, Probe, identities, is_there, probe, probe_all
from installer.peers.questions import write_answer
from tests.fakes.network import FakeNetwork, every_port
from tests.unit.installer.peers.nodes import DOOR, ELSEWHERE, HERE, THERE, Pair, answering_pair, identity


class Fixed(AbstractContextManager[bytes]):
    """An answer that is always the same."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> bytes:
        return self._data

    def __exit__(self, *_: object) -> None:
        return


def look(pair: Pair) -> Probe:
    return probe(pair.here, HERE, THERE)


def test_between_nodes_without_a_firewall_nothing_is_closed(pair: Pair) -> None:
    found = look(pair)
    assert (found.blocks, found.absent) == ((), "")
    assert found.identity is not None
    assert found.identity.hostname == "node2"


def test_what_was_opened_for_a_probe_is_closed_after_it(pair: Pair) -> None:
    look(pair)
    assert pair.network.doors == set()


def test_a_port_of_the_installers_is_never_taken_for_a_probe(pair: Pair) -> None:
    pair.network._next = 52364
    look(pair)
    assert {route.port for route in pair.network.probes if route.port != PEER_PORT} >= {52366, 52367}
    assert 52365 not in {route.port for route in pair.network.probes}


def test_a_firewall_here_that_lets_nothing_in(pair: Pair) -> None:
    pair.network.closed[THERE, HERE] = every_port
    (block,) = look(pair).blocks
    assert (block.source, block.target, block.kind) == (THERE, HERE, PORT)
    assert block.port > 1023


def test_a_firewall_there_that_lets_only_the_named_ports_in(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port not in (22, 6379, PEER_PORT)
    (block,) = look(pair).blocks
    assert (block.source, block.target, block.kind) == (HERE, THERE, PORT)
    assert block.port not in (22, 6379, PEER_PORT)


def test_firewalls_on_both_sides_are_told_at_once(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port != PEER_PORT
    pair.network.closed[THERE, HERE] = every_port
    assert [(block.source, block.target) for block in look(pair).blocks] == [(THERE, HERE), (HERE, THERE)]


def test_a_firewall_there_that_lets_nothing_in(pair: Pair) -> None:
    """The machine answers ARP all the same."""
    pair.network.closed[HERE, THERE] = every_port
    assert look(pair) == Probe(THERE, blocks=(Block(HERE, THERE, PORT, PEER_PORT),), knock=SILENT)


@pytest.mark.parametrize(("source", "target"), [(HERE, THERE), (THERE, HERE)])
def test_full_packets_that_are_lost_on_the_way(pair: Pair, source: str, target: str) -> None:
    pair.network.narrow.add((source, target))
    assert look(pair).blocks == (Block(source, target, PACKETS),)


def test_a_machine_on_which_nobody_answers(pair: Pair) -> None:
    del pair.network.services[DOOR]
    found = look(pair)
    assert (found.knock, found.blocks) == (REFUSED, ())
    assert found.absent.startswith(f"is there, and nobody answers at its port {PEER_PORT}")


def test_a_machine_that_is_off(pair: Pair) -> None:
    found = probe(pair.here, HERE, ELSEWHERE)
    assert (found.knock, found.blocks) == (SILENT, ())
    assert found.absent.startswith("does not answer at all (timed out): it is off, or a firewall drops everything")


def test_a_peer_with_another_list_of_nodes(root: Path) -> None:
    pair = answering_pair(root / "listed", frozenset((THERE, ELSEWHERE)))
    assert look(pair).absent == f"answers, but: {HERE} is not one of the --nodes of {THERE}"


def test_a_peer_that_breaks_off(pair: Pair) -> None:
    def broken(_line: bytes, _source: str) -> Fixed:
        raise NoAnswerError(Knock(BROKEN, "Connection reset by peer"))

    pair.network.services[DOOR] = broken
    found = look(pair)
    assert (found.knock, found.identity) == (BROKEN, None)
    assert found.absent.startswith("broke off (Connection reset by peer)")


class Quiet(FakeNetwork):
    """Whoever is asked takes the call and says nothing."""

    whole = False

    @contextmanager
    def asked(self, route: Route, question: bytes, largest: int) -> Iterator[Heard]:  # noqa: ARG002
        yield Heard(b"", self.whole)


def test_a_peer_that_says_nothing_in_time(pair: Pair) -> None:
    pair.here.network = Quiet({HERE, THERE}, services=pair.network.services)
    found = look(pair)
    assert (found.knock, found.absent, found.blocks) == (LATE, "did not answer within 5 s", ())


def test_a_peer_that_hangs_up_without_a_word(pair: Pair) -> None:
    quiet = Quiet({HERE, THERE}, services=pair.network.services)
    quiet.whole = True
    pair.here.network = quiet
    found = look(pair)
    assert (found.knock, found.blocks) == (BROKEN, ())
    assert found.absent.startswith("broke off (it hung up)")


def test_a_peer_that_says_nothing_more_after_its_name(pair: Pair) -> None:
    class Tired(Quiet):
        @contextmanager
        def asked(self, route: Route, question: bytes, largest: int) -> Iterator[Heard]:
            is_greeting = b"identity" in question
            answering = pair.network.asked if is_greeting else super().asked
            with answering(route, question, largest) as heard:
                yield heard

    pair.here.network = Tired({HERE, THERE}, services=pair.network.services)
    assert look(pair).absent == "broke off: no answer within 5 s"


def test_nobody_but_who_asks_is_called_back(pair: Pair) -> None:
    look(pair)
    assert {route.host for route in pair.network.probes if route.source == THERE} == {HERE}


def test_all_peers_are_asked_and_told_in_order(pair: Pair) -> None:
    assert [found.peer for found in probe_all(pair.here, HERE, (ELSEWHERE, THERE))] == [ELSEWHERE, THERE]
    assert [found.peer for found in identities(pair.here, HERE, (THERE, ELSEWHERE))] == [THERE, ELSEWHERE]
    assert probe_all(pair.here, HERE, ()) == ()


def test_a_machine_behind_a_router_is_pinged(pair: Pair) -> None:
    pair.here.linux.routed.add(THERE)
    assert not is_there(pair.here, HERE, THERE)
    pair.here.give_program("/usr/bin/ping")
    assert is_there(pair.here, HERE, THERE)
    assert not is_there(pair.here, HERE, ELSEWHERE)


def test_who_is_not_root_can_only_ping(pair: Pair) -> None:
    assert is_there(pair.here, HERE, THERE)
    pair.here.as_root = False
    assert not is_there(pair.here, HERE, THERE)
    pair.here.give_program("/usr/bin/ping")
    assert is_there(pair.here, HERE, THERE)


def test_an_answer_that_is_no_identity_is_not_believed(pair: Pair) -> None:
    document = identity(THERE).document()
    for key, value in (("mtu", "1500"), ("gpus", "T4"), ("hostname", 7), ("extra", "x"), ("clock", -1)):
        told = write_answer({**document, key: value})

        def answer(_line: bytes, _source: str, told: bytes = told) -> Fixed:
            return Fixed(told)

        pair.network.services[DOOR] = answer
        assert look(pair).absent.startswith("answers, but: "), key


def test_a_probe_is_asked_from_the_address_that_peers_know(pair: Pair) -> None:
    look(pair)
    assert Route(HERE, THERE, PEER_PORT) in pair.network.probes
