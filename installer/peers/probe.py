"""One node asks another: whether every kind of connection gets through, both ways, and who is there."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from installer.errors import AirgapError
from installer.index.settings import PEER_PORT
from installer.index.strict import Place
from installer.node import Node
from installer.node.calls import BROKEN, LATE, REFUSED, Heard, Knock, NoAnswerError, Route
from installer.node.calls import OPEN as IS_OPEN
from installer.peers.doors import Doors, Opening
from installer.peers.identity import Identity
from installer.peers.questions import (
    BACK,
    ECHO,
    IDENTITY,
    LARGEST_ANSWER,
    LONG,
    OPEN,
    Question,
    read_answer,
    read_ports,
    write_question,
)

_SECONDS = 5  # for one answer, once the port opened
_AT_ONCE = 32  # peers
_LINK = re.compile(r"\bdev (\S+)")
DOOR, PORTS, PACKETS = "door", "ports", "packets"


@dataclass(frozen=True)
class Block:
    """What does not get from ``source`` to ``target``: probes at all (``kind`` DOOR), PORTS or full PACKETS.

    ``named`` and ``free`` are the ports that are closed, as in Doors.
    """

    source: str
    target: str
    kind: str
    named: tuple[int, ...] = ()
    free: tuple[int, ...] = ()


@dataclass(frozen=True)
class Probe:
    """``absent`` is why a peer could not be probed, after it says how its port answered at first (``knock``)."""

    peer: str
    identity: Identity | None = None
    absent: str = ""
    knock: str = IS_OPEN
    blocks: tuple[Block, ...] = ()


def probe_all(node: Node, own: str, peers: Sequence[str], opening: Opening) -> tuple[Probe, ...]:
    """So many at once take as long as the slowest.

    What is closed is looked at twice: a port may have been closed just now by whoever had it, as Ray when it restarts.
    """
    found = _probe_once(node, own, peers, opening)
    again = {one.peer: one for one in _probe_once(node, own, [one.peer for one in found if one.blocks], opening)}
    return tuple(_closed_twice(one, again.get(one.peer, one)) for one in found)


def _probe_once(node: Node, own: str, peers: Sequence[str], opening: Opening) -> tuple[Probe, ...]:
    if not peers:
        return ()
    with opening() as doors, ThreadPoolExecutor(max_workers=min(len(peers), _AT_ONCE)) as pool:
        return tuple(pool.map(lambda peer: _probe(node, own, peer, doors), peers))


def _closed_twice(first: Probe, second: Probe) -> Probe:
    """What the second look found open is. Where one of them could not look, the other holds."""
    if first.identity is None:
        return second
    if second.identity is None or second.absent:
        return first
    return replace(second, blocks=tuple(both for block in first.blocks for both in _in_both(block, second.blocks)))


def _in_both(block: Block, others: Sequence[Block]) -> Iterator[Block]:
    """Free ports are others each time."""
    for other in others:
        if (other.source, other.target, other.kind) == (block.source, block.target, block.kind):
            named = tuple(port for port in other.named if port in block.named)
            free = other.free if block.free else ()
            if block.kind != PORTS or named or free:
                yield replace(other, named=named, free=free)


def _probe(node: Node, own: str, peer: str, doors: Doors) -> Probe:
    greeting = ask_identity(node, own, peer)
    if greeting.identity is None:
        return greeting
    try:
        blocks = (*_back(node, own, peer, doors), *_out(node, own, peer), *_echo(node, own, peer))
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


def _back(node: Node, own: str, peer: str, doors: Doors) -> Iterator[Block]:
    with _asked(node, own, peer, Question(BACK, doors.all)) as heard:
        reached = read_ports(_answer(heard), "reached")
    yield from _closed(peer, own, doors, frozenset(reached))


def _out(node: Node, own: str, peer: str) -> Iterator[Block]:
    with _asked(node, own, peer, Question(OPEN)) as heard:
        answer = _answer(heard)
        doors = Doors(read_ports(answer, "named"), read_ports(answer, "free"))
        knocks = node.knock_all(own, peer, doors.all)
    reached = (port for port, knock in zip(doors.all, knocks, strict=True) if knock.got_through)
    yield from _closed(own, peer, doors, frozenset(reached))


def _closed(source: str, target: str, doors: Doors, reached: frozenset[int]) -> Iterator[Block]:
    named, free = (tuple(port for port in ports if port not in reached) for ports in (doors.named, doors.free))
    if named or free:
        yield Block(source, target, PORTS, named, free)


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
        return Probe(peer, blocks=(Block(own, peer, DOOR),), knock=knock.state)
    absent = f"does not answer at all ({knock.why}): it is off, or a firewall drops everything"
    return Probe(peer, absent=absent, knock=knock.state)


def is_there(node: Node, own: str, peer: str) -> bool:
    """Whether a machine answers ARP, as all do whatever their firewall; one behind a router may answer a ping."""
    route = node.ask("ip", "-4", "route", "get", peer, "from", own).stdout
    link = _LINK.search(route)
    if link and node.is_root and " via " not in route:
        return node.answers_arp(link[1], own, peer)
    return node.ask("ping", "-n", "-c", "1", "-W", "1", peer, timeout=5).succeeded
