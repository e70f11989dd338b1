import json

import pytest

from installer.errors import MalformedError, UnreachableError
from installer.index.strict import Place
from installer.peers.questions import (
    ASKS,
    BACK,
    ECHO,
    LARGEST_ANSWER,
    LONG,
    LONGEST_LINE,
    LONGEST_QUESTION,
    Question,
    read_answer,
    read_ports,
    read_question,
    write_answer,
    write_echo,
    write_question,
    write_refusal,
)


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_asked_is_what_is_read_in_one_line(ask: str) -> None:
    asked = Question(ask, (40001, 40002) if ask == BACK else ())
    line = write_question(asked)
    assert read_question(line) == asked
    assert line.index(b"\n") == len(line) - 1 <= LONGEST_LINE


def test_an_echo_is_longer_than_any_packet_both_ways() -> None:
    assert len(write_question(Question(ECHO))) > LONG
    answer = write_echo(LONG)
    assert LONG < len(answer) <= LARGEST_ANSWER
    assert read_answer(answer).integer("got", 0, LONG) == LONG


def test_an_answer_is_read_without_its_version() -> None:
    assert read_answer(write_answer({"ports": [40001]})).values == {"ports": [40001]}


def test_a_refusal_is_told_in_the_words_of_the_peer() -> None:
    with pytest.raises(UnreachableError, match="not one of the --nodes"):
        read_answer(write_refusal("10.0.0.9 is not one of the --nodes"))


def asking(**document: object) -> bytes:
    return json.dumps({"vllm-airgap-peer": 1, "ask": "back", "ports": [40001], **document}).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET / HTTP/1.1",
        b"\x80\x02]q\x00.",
        b"[]",
        b'{"ask": "identity"}',
        b"[" * 60000,
        asking(ask="shutdown"),
        asking(host="10.9.9.9"),
        asking(ports="40001"),
        asking(ports=[40001] * 33),
        asking(ports=[22]),
        asking(ports=[65536]),
        asking(ports=[True]),
        asking(ports=["40001"]),
        asking(ports=[{}]),
    ],
)
def test_nonsense_is_no_question(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read_question(line)


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask != ECHO])
def test_nothing_but_an_echo_may_be_long(ask: str) -> None:
    line = write_question(Question(ask, (40001,))).rstrip(b"\n")
    assert read_question(line.ljust(LONGEST_QUESTION)).ask == ask
    with pytest.raises(MalformedError, match=f"question: longer than {LONGEST_QUESTION} bytes"):
        read_question(line.ljust(LONGEST_QUESTION + 1))


def test_a_long_line_is_not_read_whatever_it_asks() -> None:
    line = b'{"vllm-airgap-peer": 1, "ask": "echo", "x": "' + rb"\"" * LONG
    with pytest.raises(MalformedError, match=f"question: longer than {LONGEST_QUESTION} bytes"):
        read_question(line[:LONG])


def test_another_version_is_named() -> None:
    with pytest.raises(MalformedError, match="question: version 2, this program speaks 1"):
        read_question(b'{"vllm-airgap-peer": 2, "ask": "sing"}')


@pytest.mark.parametrize("data", [b"", b"\n", b"SSH-2.0-OpenSSH_9.6\r\n", b'{"vllm-airgap-peer": 1', b"\xff" * 100])
def test_another_service_is_no_answer(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_answer(data)


def test_more_ports_than_were_asked_for_are_refused() -> None:
    with pytest.raises(MalformedError, match="not a list of at most 32 ports"):
        read_ports(Place({"reached": [40001] * 33}, ""), "reached")
