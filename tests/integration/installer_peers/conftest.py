"""Nodes at addresses of the loopback network that answer each other over real sockets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

import pytest

from installer.index.settings import PEER_PORT, ClusterSettings, ServeSettings
from installer.node import Node
from installer.node.answering import Answer, Limits
from installer.node.calls import REFUSED, Route
from installer.peers.doors import Opening, opened
from installer.peers.identity import Identity
from installer.peers.probe import Probe, probe_all
from installer.peers.responder import LIMITS, Responder
from installer.settings import NodeConfig

_NET = f"127.{1 + os.getpid() // 250 % 250}.{os.getpid() % 250}"  # of this process: two may run at once
HERE, THERE, STRANGER = f"{_NET}.1", f"{_NET}.2", f"{_NET}.9"
IDENTITY = Identity(
    ip=THERE,
    hostname="node2",
    role="worker",
    bundle="demo",
    sequence=1,
    digest="d" * 64,
    image=f"sha256:{'1' * 64}",
    model="2" * 64,
    driver="550.127.08",
    gpus=("Tesla T4",),
    mtu=1500,
    clock=0,
)


def config_at(ip: str) -> NodeConfig:
    cluster = ClusterSettings(2, 1, "ray", 6379, {}, "1g")
    serve = ServeSettings("demo", 2, 1, None, "0.90", 8000, (), ())
    return NodeConfig("worker", ip, "lo", HERE, (HERE, THERE), 1, (), "", "", "", cluster, serve)


def doors_at(ip: str) -> Opening:
    """As of a worker that has nothing yet."""
    return lambda: opened(Node(), config_at(ip))


def probe(own: str, peer: str) -> Probe:
    (found,) = probe_all(Node(), own, (peer,), doors_at(own))
    return found


SHORT = replace(LIMITS, seconds=1.0)


@contextmanager
def answering(answer: Answer, limits: Limits = LIMITS, ip: str = THERE) -> Iterator[None]:
    """Until the end of the test."""
    ended = Event()
    node = Node()
    thread = Thread(target=node.answer_calls, args=(ip, PEER_PORT, answer, limits, lambda: not ended.is_set()))
    thread.start()
    try:
        while node.knock(Route(STRANGER, ip, PEER_PORT)).state == REFUSED:
            assert thread.is_alive()
        yield
    finally:
        ended.set()
        thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def responder() -> Iterator[Responder]:
    """One that answers HERE and THERE only."""
    made = Responder(Node(), IDENTITY, doors_at(THERE), frozenset((HERE, THERE)))
    with answering(made.answer):
        yield made
