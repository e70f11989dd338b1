from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from installer.index.settings import PEER_PORT
from installer.node.calls import BROKEN, LATE, REFUSED, SILENT, Heard, Knock, NoAnswerError, Route
from installer.peers.probe import DOOR as PROBES
from installer.peers.probe import PACKETS, PORTS, Block, Probe, identities, is_there, probe_all
from installer.peers.questions import write_answer
from installer.peers.responder import Responder
from tests.fakes.network import FakeNetwork, every_port
from tests.unit.installer.peers.nodes import DOOR, ELSEWHERE, HERE, THERE, Pair, answering_pair, doors_of, identity


class Fixed(AbstractContextManager[bytes]):
    """An answer that is always the same."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> bytes:
        return self._data

    def __exit__(self, *_: object) -> None:
        return


RAYS = (6380, 6381, 6382, 6383, 6384, 52365)
WORKERS = (20000, 20500, 20999)


def look(pair: Pair, peer: str = THERE) -> Probe:
    (found,) = probe_all(pair.here, HERE, (peer,), doors_of(pair.here))
    return found


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
    tried = [route.port for route in pair.network.probes if route.source == THERE]
    assert tried[-3:] == [52366, 52367, 52368]


def test_a_firewall_here_that_lets_nothing_in(pair: Pair) -> None:
    pair.network.closed[THERE, HERE] = every_port
    (block,) = look(pair).blocks
    assert (block.source, block.target, block.kind) == (THERE, HERE, PORTS)
    assert block.named == (6379, *RAYS, *WORKERS)
    assert len(block.free) == 3


def test_a_firewall_there_that_lets_only_the_named_ports_in(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port not in (22, *RAYS, *range(20000, 21000), PEER_PORT)
    (block,) = look(pair).blocks
    assert (block.source, block.target, block.kind, block.named) == (HERE, THERE, PORTS, ())
    assert len(block.free) == 3


@pytest.mark.parametrize(("source", "target"), [(HERE, THERE), (THERE, HERE)])
@pytest.mark.parametrize("port", [*RAYS, *WORKERS])
def test_a_single_port_of_the_cluster_that_is_closed(pair: Pair, source: str, target: str, port: int) -> None:
    """NCCL would connect, and Ray hang."""
    pair.network.closed[source, target] = lambda tried: tried == port
    assert look(pair).blocks == (Block(source, target, PORTS, (port,)),)


def test_the_port_of_rays_head_is_looked_for_on_the_head_alone(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port == 6379
    assert look(pair).blocks == ()
    pair.network.closed[THERE, HERE] = lambda port: port == 6379
    assert look(pair).blocks == (Block(THERE, HERE, PORTS, (6379,)),)


def test_without_ray_its_ports_may_be_closed(pair: Pair) -> None:
    pair.network.services[DOOR] = Responder(pair.there, identity(THERE), doors_of(pair.there, "mp"), frozenset()).answer
    pair.network.closed[THERE, HERE] = pair.network.closed[HERE, THERE] = lambda port: port in (6379, *RAYS, *WORKERS)
    (found,) = probe_all(pair.here, HERE, (THERE,), doors_of(pair.here, "mp"))
    assert found.blocks == ()
    pair.network.closed[THERE, HERE] = lambda port: port == 29501
    (found,) = probe_all(pair.here, HERE, (THERE,), doors_of(pair.here, "mp"))
    assert found.blocks == (Block(THERE, HERE, PORTS, (29501,)),)


def test_a_port_that_somebody_has_is_no_closed_one(pair: Pair) -> None:
    """Whose it is the check `ports` of that node tells."""
    pair.network.doors |= {(HERE, 6380), (THERE, 6381)}
    pair.network.closed[THERE, HERE] = lambda port: port == 6380
    pair.network.closed[HERE, THERE] = lambda port: port == 6381
    assert look(pair).blocks == ()


def test_firewalls_on_both_sides_are_told_at_once(pair: Pair) -> None:
    pair.network.closed[HERE, THERE] = lambda port: port != PEER_PORT
    pair.network.closed[THERE, HERE] = every_port
    assert [(block.source, block.target) for block in look(pair).blocks] == [(THERE, HERE), (HERE, THERE)]


def test_a_firewall_there_that_lets_nothing_in(pair: Pair) -> None:
    """The machine answers ARP all the same."""
    pair.network.closed[HERE, THERE] = every_port
    assert look(pair) == Probe(THERE, blocks=(Block(HERE, THERE, PROBES),), knock=SILENT)


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
    found = look(pair, ELSEWHERE)
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
    assert [found.peer for found in probe_all(pair.here, HERE, (ELSEWHERE, THERE), doors_of(pair.here))] == [
        ELSEWHERE,
        THERE,
    ]
    assert [found.peer for found in identities(pair.here, HERE, (THERE, ELSEWHERE))] == [THERE, ELSEWHERE]
    assert probe_all(pair.here, HERE, (), doors_of(pair.here)) == ()


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


def test_a_port_that_is_closed_for_a_moment_is_no_firewall(pair: Pair) -> None:
    """Who had it is gone between answer and knock."""

    class Restarting(FakeNetwork):
        def knock(self, route: Route) -> Knock:
            if route.port == 6381 and route not in self.probes:
                self.probes.append(route)
                return Knock(REFUSED, "Connection refused")
            return super().knock(route)

    network = Restarting({HERE, THERE}, services=pair.network.services)
    pair.here.network = pair.there.network = network
    assert look(pair).blocks == ()
    assert [route.port for route in network.probes].count(6381) == 4


class Losing(FakeNetwork):
    """What is asked first gets through; from some question on nothing comes back."""

    left = 0

    @contextmanager
    def asked(self, route: Route, question: bytes, largest: int) -> Iterator[Heard]:
        self.left -= 1
        if self.left < 0:
            yield Heard(b"", whole=False)
            return
        with super().asked(route, question, largest) as heard:
            yield heard


@pytest.mark.parametrize("answers", [4, 5])
def test_what_was_closed_is_told_also_where_a_second_look_is_not_answered(pair: Pair, answers: int) -> None:
    network = Losing({HERE, THERE}, services=pair.network.services)
    network.left = answers  # all of the first look, and of the second none or the greeting
    network.closed[HERE, THERE] = lambda port: port == 6381
    pair.here.network = pair.there.network = network
    found = look(pair)
    assert found.blocks == (Block(HERE, THERE, PORTS, (6381,)),)
    assert found.identity is not None


def test_a_port_of_probes_that_is_closed_for_a_moment_is_no_firewall(pair: Pair) -> None:
    class Restarting(FakeNetwork):
        def knock(self, route: Route) -> Knock:
            if route.port == PEER_PORT and route not in self.probes:
                self.probes.append(route)
                return Knock(SILENT, "timed out")
            return super().knock(route)

    pair.here.network = pair.there.network = Restarting({HERE, THERE}, services=pair.network.services)
    assert look(pair).blocks == ()
    assert look(pair).identity is not None
