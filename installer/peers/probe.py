"""One node asks another: whether every kind of connection gets through, both ways, and who is there."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from installer.errors import AirgapError
from installer.index.settings import FIXED_PORTS, PEER_PORT
from installer.index.strict import Place
from installer.node import Node
from installer.node.calls import BROKEN, LATE, REFUSED, Heard, Knock, NoAnswerError, Route
from installer.node.calls import OPEN as IS_OPEN
from installer.peers.identity import Identity
from installer.peers.questions import (
    BACK,
    ECHO,
    IDENTITY,
    LARGEST_ANSWER,
    LONG,
    OPEN,
    PORTS,
    Question,
    read_answer,
    read_ports,
    write_question,
)

_SECONDS = 5  # for one answer, once the port opened
_AT_ONCE = 32  # peers
_LINK = re.compile(r"\bdev (\S+)")
PORT, PACKETS = "port", "packets"


@dataclass(frozen=True)
class Block:
    """What does not get from ``source`` to ``target``: a port, or (``kind`` PACKETS) full packets."""

    source: str
    target: str
    kind: str
    port: int = PEER_PORT


@dataclass(frozen=True)
class Probe:
    """``absent`` is why a peer could not be probed, after it says how its port answered at first (``knock``)."""

    peer: str
    identity: Identity | None = None
    absent: str = ""
    knock: str = IS_OPEN
    blocks: tuple[Block, ...] = ()


def probe_all(node: Node, own: str, peers: Sequence[str]) -> tuple[Probe, ...]:
    """Takes as long as the slowest."""
    with ThreadPoolExecutor(max_workers=max(1, min(len(peers), _AT_ONCE))) as pool:
        return tuple(pool.map(lambda peer: probe(node, own, peer), peers))


def probe(node: Node, own: str, peer: str) -> Probe:
    greeting = ask_identity(node, own, peer)
    if greeting.identity is None:
        return greeting
    try:
        blocks = tuple(block for look in (_back, _out, _echo) for block in look(node, own, peer))
    except (AirgapError, NoAnswerError) as error:
        return Probe(peer, greeting.identity, absent=f"broke off: {error}")
    return Probe(peer, greeting.identity, blocks=blocks)


def identities(node: Node, own: str, peers: Sequence[str]) -> tuple[Probe, ...]:
    """Only who is there."""
    with ThreadPoolExecutor(max_workers=max(1, min(len(peers), _AT_ONCE))) as pool:
        return tuple(pool.map(lambda peer: ask_identity(node, own, peer), peers))


def ask_identity(node: Node, own: str, peer: str) -> Probe:
    try:
        with _asked(node, own, peer, Question(IDENTITY)) as heard:
            return Probe(peer, Identity.read(_answer(heard)))
    except NoAnswerError as error:
        return _unheard(node, own, peer, error.knock)
    except AirgapError as error:
        return Probe(peer, absent=f"answers, but: {error}")


def _back(node: Node, own: str, peer: str) -> Iterator[Block]:
    with node.open_ports(own, PORTS, FIXED_PORTS) as ports, _asked(node, own, peer, Question(BACK, ports)) as heard:
        reached = read_ports(_answer(heard), "reached")
    yield from (Block(peer, own, PORT, port) for port in ports[len(reached) :][:1])


def _out(node: Node, own: str, peer: str) -> Iterator[Block]:
    with _asked(node, own, peer, Question(OPEN)) as heard:
        for port in read_ports(_answer(heard), "ports"):
            if node.knock(Route(own, peer, port)).state != IS_OPEN:
                yield Block(own, peer, PORT, port)
                return


def _echo(node: Node, own: str, peer: str) -> Iterator[Block]:
    """What came of the answer tells which way is too narrow."""
    with _asked(node, own, peer, Question(ECHO)) as heard:
        if not heard.whole and b"\n" not in heard.data:
            yield Block(own, peer, PACKETS)
            return
        _answer(heard)
        if not heard.whole or len(heard.data) < LONG:
            yield Block(peer, own, PACKETS)


@contextmanager
def _asked(node: Node, own: str, peer: str, question: Question) -> Iterator[Heard]:
    route = Route(own, peer, PEER_PORT)
    with node.asked(route, write_question(question), LARGEST_ANSWER, _SECONDS) as heard:
        yield heard


def _answer(heard: Heard) -> Place:
    if not heard.data:
        late = Knock(LATE, f"no answer within {_SECONDS} s")
        raise NoAnswerError(Knock(BROKEN, "it hung up") if heard.whole else late)
    return read_answer(heard.data)


def _unheard(node: Node, own: str, peer: str, knock: Knock) -> Probe:
    if knock.state == REFUSED:
        absent = f"is there, and nobody answers at its port {PEER_PORT} (or a firewall there rejects it)"
        return Probe(peer, absent=absent, knock=REFUSED)
    if knock.state == LATE:
        return Probe(peer, absent=f"did not answer within {_SECONDS} s", knock=LATE)
    if knock.state == BROKEN:
        return Probe(peer, absent=f"broke off ({knock.why}): many may be asking it at once", knock=BROKEN)
    if is_there(node, own, peer):
        return Probe(peer, blocks=(Block(own, peer, PORT),), knock=knock.state)
    absent = f"does not answer at all ({knock.why}): it is off, or a firewall drops everything"
    return Probe(peer, absent=absent, knock=knock.state)


def is_there(node: Node, own: str, peer: str) -> bool:
    """Whether a machine answers ARP, as all do whatever their firewall; one behind a router may answer a ping."""
    route = node.ask("ip", "-4", "route", "get", peer, "from", own).stdout
    link = _LINK.search(route)
    if link and node.is_root and " via " not in route:
        return node.answers_arp(link[1], own, peer)
    return node.ask("ping", "-n", "-c", "1", "-W", "1", peer, timeout=5).succeeded
