"""Fake nodes on one network that answer each other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.index.settings import PEER_PORT, ClusterSettings, ServeSettings
from installer.peers.doors import Opening, opened
from installer.peers.identity import Identity
from installer.peers.responder import Responder
from installer.settings import NodeConfig
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
    network.services[DOOR] = Responder(there, identity(THERE), doors_of(there), peers).answer
    return Pair(here, there, network)


def config_of(ip: str, backend: str = "ray") -> NodeConfig:
    return NodeConfig(
        role="head" if ip == HERE else "worker",
        node_ip=ip,
        interface="eth0",
        head=HERE,
        nodes=(HERE, THERE),
        sequence=1,
        image_ids=(),
        ray_version="",
        model_dir="",
        files_dir="",
        cluster=ClusterSettings(2, 1, backend, 6379, {}, "1g"),
        serve=ServeSettings("demo", 2, 1, None, "0.90", 8000, (), ()),
    )


def doors_of(node: FakeNode, backend: str = "ray") -> Opening:
    return lambda: opened(node, config_of(node.ip, backend))


MakePair = Callable[[], Pair]
