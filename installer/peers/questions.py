"""What nodes ask each other, version 1: one line of JSON each way, and what an answer may be at most.

A call asks one thing. `identity`: who is there. `back`: connect to these ports of whoever asks. `open`: open some
ports for as long as the call lasts. `echo`: a line of 64 KiB there and back, more than any packet holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from installer.errors import MalformedError, UnreachableError
from installer.index.strict import Place, Value, parse_json

VERSION = 1
IDENTITY, BACK, OPEN, ECHO = "identity", "back", "open", "echo"
ASKS = (IDENTITY, BACK, OPEN, ECHO)
MOST_PORTS = 32  # so many at a time
LONG = 64 << 10  # bytes of an echo; jumbo frames hold 9000
LONGEST_LINE = LONG + 64
LONGEST_QUESTION = 1 << 10  # bytes, without the spaces behind that make an echo long
LARGEST_ANSWER = 2 * LONG
_KEY = "vllm-airgap-peer"
_LEAST_PORT, _MOST_PORT = 1024, 65535


@dataclass(frozen=True)
class Question:
    """``ports`` are those of whoever asks, for `back`."""

    ask: str
    ports: tuple[int, ...] = ()


def write_question(question: Question) -> bytes:
    document: dict[str, Value] = {_KEY: VERSION, "ask": question.ask}
    if question.ask == BACK:
        document["ports"] = list(question.ports)
    text = json.dumps(document)
    return (text.ljust(LONG) if question.ask == ECHO else text).encode() + b"\n"


def read_question(line: bytes) -> Question:
    """Raises MalformedError."""
    words = line.rstrip()
    _refuse_longer(words)
    at = _versioned(words, "question")
    at.only(_KEY, "ask", "ports")
    ask = at.choice("ask", ASKS)
    if ask != ECHO:
        _refuse_longer(line)
    return Question(ask, read_ports(at, "ports") if ask == BACK else ())


def write_answer(document: Mapping[str, Value]) -> bytes:
    return json.dumps({_KEY: VERSION, **document}).encode() + b"\n"


def write_refusal(why: str) -> bytes:
    return write_answer({"error": why[:500]})


def write_echo(size: int) -> bytes:
    """First a short line that a long question came, then a long one."""
    return write_answer({"got": size}) + b" " * LONG + b"\n"


def read_answer(data: bytes) -> Place:
    """The first line. Raises MalformedError, and UnreachableError with the words of a peer that refuses."""
    at = _versioned(data.partition(b"\n")[0], "answer")
    if at.has("error"):
        raise UnreachableError(at.text("error"))
    return Place({key: value for key, value in at.values.items() if key != _KEY}, at.path)


def read_ports(at: Place, key: str) -> tuple[int, ...]:
    found = at.values.get(key)
    if not isinstance(found, list) or len(found) > MOST_PORTS:
        at.fail(key, f"not a list of at most {MOST_PORTS} ports")
    ports = tuple(port for port in found if isinstance(port, int) and _LEAST_PORT <= port <= _MOST_PORT)
    if len(ports) != len(found):
        at.fail(key, f"not ports from {_LEAST_PORT} to {_MOST_PORT}")
    return ports


def _refuse_longer(line: bytes) -> None:
    if len(line) > LONGEST_QUESTION:
        raise MalformedError(f"question: longer than {LONGEST_QUESTION} bytes")


def _versioned(line: bytes, name: str) -> Place:
    at = Place.of(parse_json(line, name), "")
    found = at.integer(_KEY, 0, 2**31)
    if found != VERSION:
        raise MalformedError(f"{name}: version {found}, this program speaks {VERSION}")
    return at
