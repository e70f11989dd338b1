"""What anybody on the network may send to the port of probes, none of which may hurt."""

import json
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from installer.index.settings import PEER_PORT
from installer.node import Node
from installer.node.calls import Route
from installer.peers.probe import ask_identity
from installer.peers.questions import IDENTITY, LONG, LONGEST_LINE, OPEN, Question, write_question
from installer.peers.responder import LIMITS, Responder
from tests.integration.installer_peers.conftest import HERE, SHORT, STRANGER, THERE, answering, doors_at, probe
from tests.integration.installer_peers.conftest import IDENTITY as WHO


@contextmanager
def calling(source: str = STRANGER) -> Iterator[socket.socket]:
    with socket.create_connection((THERE, PEER_PORT), 5, (source, 0)) as call:
        yield call


def rest_of(call: socket.socket) -> bytes:
    data = b""
    with suppress(ConnectionResetError):
        while piece := call.recv(1 << 16):
            data += piece
    return data


def is_well() -> bool:
    found = probe(HERE, THERE)
    return not found.absent and not found.blocks


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
        b'{"vllm-airgap-peer": 1, "ask": "back", "ports": [22]}\n',
        b'{"vllm-airgap-peer": 1, "ask": "back", "ports": [40001], "host": "10.9.9.9"}\n',
        b"[" * 60000 + b"\n",
        os.urandom(1000).replace(b"\n", b"") + b"\n",
    ],
)
def test_nonsense_is_refused_in_one_short_line(responder: Responder, data: bytes) -> None:
    with calling() as call:
        call.sendall(data)
        answer = rest_of(call)
    assert json.loads(answer)["error"]
    assert len(answer) < 1000
    assert is_well()


def test_a_line_without_an_end_is_not_kept(responder: Responder) -> None:
    with calling() as call, suppress(OSError):
        for _ in range(100):
            call.sendall(b"x" * LONGEST_LINE)
        pytest.fail("it took everything")
    assert is_well()


def test_a_slow_drip_is_cut_off() -> None:
    with answering(Responder(Node(), WHO, doors_at(THERE), frozenset()).answer, SHORT), calling() as call:
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 10:
                call.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - began < 3


def test_who_never_hangs_up_is_hung_up_on_and_keeps_no_port_open() -> None:
    with answering(Responder(Node(), WHO, doors_at(THERE), frozenset()).answer, SHORT), calling() as call:
        call.sendall(write_question(Question(OPEN)))
        (port, *_) = json.loads(call.recv(1000))["free"]
        assert Node().knock(Route(STRANGER, THERE, port)).got_through
        time.sleep(1.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((THERE, port), 1)


def test_who_asks_and_reads_nothing_holds_nobody_up() -> None:
    with answering(Responder(Node(), WHO, doors_at(THERE), frozenset()).answer, SHORT), ExitStack() as calls:
        for _ in range(LIMITS.per_source):
            calls.enter_context(calling()).sendall(write_question(Question(IDENTITY)))
        assert is_well()


def test_a_thousand_calls_of_one_source_leave_room_for_others(responder: Responder) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    before = threading.active_count()
    try:
        with ExitStack() as calls:
            for _ in range(1000):
                with suppress(OSError):
                    calls.enter_context(calling())
            assert threading.active_count() - before <= LIMITS.per_source
            assert is_well()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))


def test_calls_of_many_sources_end_and_leave_it_well() -> None:
    with answering(Responder(Node(), WHO, doors_at(THERE), frozenset()).answer, SHORT):
        before = threading.active_count()
        with ExitStack() as calls:
            for number in range(200):
                with suppress(OSError):
                    calls.enter_context(calling(f"127.0.78.{number + 1}"))
            assert threading.active_count() - before <= LIMITS.at_once
            time.sleep(1.5)
            assert is_well()


@pytest.mark.parametrize(
    "data", [b'"' * LONG, rb"\"" * (LONG // 2), b"[" * LONG], ids=["quotes", "escapes", "brackets"]
)
def test_calls_that_would_be_hard_to_read_take_nobody_elses_time(responder: Responder, data: bytes) -> None:
    with ExitStack() as calls:
        for _ in range(LIMITS.per_source):
            calls.enter_context(calling()).sendall(data + b"\n")
        began = time.monotonic()
        assert is_well()
        assert time.monotonic() - began < 2


def test_it_listens_at_the_nodes_address_only(responder: Responder) -> None:
    assert ask_identity(Node(), HERE, THERE).identity is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HERE, PEER_PORT), 1)
