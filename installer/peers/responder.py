"""Answers other nodes: who this one is, and whether its ports and theirs can be reached."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from installer.errors import MalformedError
from installer.index.settings import PEER_PORT
from installer.node import Node
from installer.node.answering import Limits
from installer.peers.doors import Opening
from installer.peers.identity import Identity
from installer.peers.questions import (
    BACK,
    ECHO,
    IDENTITY,
    LONGEST_LINE,
    Question,
    read_question,
    write_answer,
    write_echo,
    write_refusal,
)
from installer.settings import NodeConfig

LIMITS = Limits(line=LONGEST_LINE, seconds=10, at_once=32, per_source=8)
_PATIENCE = 5  # seconds between two tries to have the port


@dataclass(frozen=True)
class Responder:
    """``peers`` may ask, or anybody where they are not known. ``tell`` hears who asked who we are.

    ``opening`` is how the ports of this node are opened for a call.
    """

    node: Node
    identity: Identity
    opening: Opening
    peers: frozenset[str]
    tell: Callable[[str], None] = lambda _source: None

    @contextmanager
    def answer(self, line: bytes, source: str) -> Iterator[bytes]:
        """Never raises for what others send. Connects back to ``source`` and to nobody else."""
        if self.peers and source not in self.peers:
            yield write_refusal(f"{source} is not one of the --nodes of {self.identity.ip}")
            return
        try:
            question = read_question(line)
        except MalformedError as error:
            yield write_refusal(str(error))
            return
        with self._answer(question, source, len(line)) as reply:
            yield reply

    @contextmanager
    def _answer(self, question: Question, source: str, size: int) -> Iterator[bytes]:
        if question.ask == IDENTITY:
            self.tell(source)
            yield write_answer(replace(self.identity, clock=self.node.date()).document())
        elif question.ask == BACK:
            yield write_answer({"reached": list(self._reached(source, question.ports))})
        elif question.ask == ECHO:
            yield write_echo(size)
        else:
            with self.opening() as doors:
                yield write_answer({"named": list(doors.named), "free": list(doors.free)})

    def _reached(self, source: str, ports: tuple[int, ...]) -> Iterator[int]:
        knocks = self.node.knock_all(self.identity.ip, source, ports)
        return (port for port, knock in zip(ports, knocks, strict=True) if knock.got_through)


def responder_of(
    node: Node,
    config: NodeConfig,
    identity: Identity,
    opening: Opening,
    tell: Callable[[str], None] = lambda _source: None,
) -> Responder:
    peers = frozenset((*config.nodes, config.node_ip) if config.nodes else ())
    return Responder(node, identity, opening, peers, tell)


def respond_for_ever(responder: Responder, say: Callable[[str], None]) -> None:
    """A taken port is asked for again and again: somebody may be listening by hand, or the address comes late."""
    node, ip, said = responder.node, responder.identity.ip, ""
    while True:
        try:
            node.answer_calls(ip, PEER_PORT, responder.answer, LIMITS, lambda: True)
        except OSError as error:
            why = f"{ip}:{PEER_PORT} cannot be had, other nodes cannot probe this one: {error.strerror}"
            if why != said:
                say(why)
                said = why
            node.sleep(_PATIENCE)
        else:
            return
