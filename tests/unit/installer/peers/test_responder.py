import json

import pytest

from installer.peers.identity import Identity
from installer.peers.questions import (
    ASKS,
    BACK,
    ECHO,
    IDENTITY,
    LONG,
    OPEN,
    Question,
    read_answer,
    read_ports,
    write_question,
)
from installer.peers.responder import Responder
from tests.unit.installer.peers.nodes import ELSEWHERE, HERE, THERE, Pair, doors_of, identity


def responder(pair: Pair, peers: frozenset[str] = frozenset()) -> Responder:
    return Responder(pair.there, identity(THERE), doors_of(pair.there), peers)


def said(of: Responder, question: Question, source: str = HERE) -> bytes:
    with of.answer(write_question(question).rstrip(b"\n"), source) as answer:
        return answer


def test_it_says_who_it_is_with_the_time_of_now(pair: Pair) -> None:
    pair.there.clock_seconds += 100
    told = Identity.read(read_answer(said(responder(pair), Question(IDENTITY))))
    assert told == identity(THERE, clock=identity().clock + 100)


def test_it_says_nothing_secret(pair: Pair) -> None:
    known = {"ip", "hostname", "role", "bundle", "sequence", "digest", "image", "model", "driver", "gpus", "mtu"}
    assert set(json.loads(said(responder(pair), Question(IDENTITY)))) == {*known, "clock", "vllm-airgap-peer"}


def test_it_tells_which_ports_it_could_reach(pair: Pair) -> None:
    pair.network.doors |= {(HERE, 40001), (HERE, 40003)}
    answer = read_answer(said(responder(pair), Question(BACK, (40001, 40002, 40003))))
    assert read_ports(answer, "reached") == (40001, 40003)


def test_it_connects_to_whoever_asks_and_to_nobody_else(pair: Pair) -> None:
    said(responder(pair), Question(BACK, (40001,)), source=ELSEWHERE)
    assert [(route.source, route.host) for route in pair.network.probes] == [(THERE, ELSEWHERE)]
    assert len(pair.network.probes) == 1


def test_ports_are_open_as_long_as_the_call_lasts(pair: Pair) -> None:
    with responder(pair).answer(write_question(Question(OPEN)).rstrip(b"\n"), HERE) as answer:
        told = read_answer(answer)
        named, free = read_ports(told, "named"), read_ports(told, "free")
        assert pair.network.doors == {(THERE, port) for port in (*named, *free)}
        assert named == (6380, 6381, 6382, 6383, 6384, 52365, 20000, 20500, 20999)
        assert len(free) == 3
    assert pair.network.doors == set()


def test_an_echo_says_how_much_came_and_is_as_long(pair: Pair) -> None:
    answer = said(responder(pair), Question(ECHO))
    assert read_answer(answer).integer("got", 0, 1 << 20) == LONG
    assert len(answer) > LONG


@pytest.mark.parametrize("line", [b"", b"x", b"{}", b"\xff" * 1000, b"[" * 60000, b'{"vllm-airgap-peer": 2}'])
def test_nonsense_is_answered_by_what_is_wrong_with_it(pair: Pair, line: bytes) -> None:
    with responder(pair).answer(line, HERE) as answer:
        assert json.loads(answer)["error"]
        assert len(answer) < 1000


def test_what_a_stranger_says_is_not_even_read(pair: Pair) -> None:
    with responder(pair, frozenset((HERE, THERE))).answer(b"nonsense", ELSEWHERE) as answer:
        assert json.loads(answer)["error"] == f"{ELSEWHERE} is not one of the --nodes of {THERE}"


@pytest.mark.parametrize("ask", ASKS)
def test_where_the_nodes_are_known_a_stranger_learns_nothing(pair: Pair, ask: str) -> None:
    answer = said(responder(pair, frozenset((HERE, THERE))), Question(ask), source=ELSEWHERE)
    assert json.loads(answer)["error"] == f"{ELSEWHERE} is not one of the --nodes of {THERE}"
    assert pair.network.probes == []
    assert said(responder(pair, frozenset((HERE, THERE))), Question(IDENTITY)) != answer


def test_who_asked_is_told(pair: Pair) -> None:
    heard: list[str] = []
    of = Responder(pair.there, identity(THERE), doors_of(pair.there), frozenset(), heard.append)
    for ask in ASKS:
        said(of, Question(ask))
    assert heard == [HERE]
