"""Fake nodes on one network that answer each other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.index.settings import PEER_PORT
from installer.peers.identity import Identity
from installer.peers.responder import Responder
from tests.fakes.network import FakeNetwork, connect
from tests.fakes.node import FakeNode

HERE, THERE, ELSEWHERE = "10.0.0.1", "10.0.0.2", "10.0.0.9"
DOOR = (THERE, PEER_PORT)
T4 = "Tesla T4"


def identity(ip: str = HERE, **changes: object) -> Identity:
    known: dict[str, object] = {
        "ip": ip,
        "hostname": f"node{ip[-1]}",
        "role": "head" if ip == HERE else "worker",
        "bundle": "demo",
        "sequence": 1,
        "digest": "d" * 64,
        "image": f"sha256:{'1' * 64}",
        "model": "2" * 64,
        "driver": "550.127.08",
        "gpus": (T4,),
        "mtu": 1500,
        "clock": 2_000_000_000,
        **changes,
    }
    return Identity(**known)  # type: ignore[arg-type]  # each is of its type


@dataclass(frozen=True)
class Pair:
    """``there`` answers."""

    here: FakeNode
    there: FakeNode
    network: FakeNetwork


def answering_pair(root: Path, peers: frozenset[str] = frozenset()) -> Pair:
    here, there = FakeNode(root / "here", HERE), FakeNode(root / "there", THERE)
    network = connect(here, there)
    network.services[DOOR] = Responder(there, identity(THERE), peers).answer
    return Pair(here, there, network)


MakePair = Callable[[], Pair]
