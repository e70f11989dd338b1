"""The cables and firewalls between fake nodes: what is closed in which direction, and who answers."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from installer.node.answering import Answer
from installer.node.calls import OPEN, REFUSED, SILENT, Heard, Knock, NoAnswerError, Route

_PACKET = 1400  # bytes that get through everywhere
_FIRST_FREE = 40000

Closed = Callable[[int], bool]


def no_port(_port: int) -> bool:
    return False


def every_port(_port: int) -> bool:
    return True


class Joining(Protocol):
    def join(self, network: "FakeNetwork") -> None: ...


def connect(*nodes: Joining) -> "FakeNetwork":
    network = FakeNetwork()
    for node in nodes:
        node.join(network)
    return network


@dataclass
class FakeNetwork:
    """Addresses that are ``up`` answer ARP and a ping.

    Whatever is in ``closed`` drops what it says of a port, one way; ``narrow`` loses full packets, one way.
    ``doors`` are the ports that somebody has, ``services`` who answers. ``claimed`` are addresses that another machine
    has too, by its MAC address.
    """

    up: set[str] = field(default_factory=set)
    closed: dict[tuple[str, str], Closed] = field(default_factory=dict)
    narrow: set[tuple[str, str]] = field(default_factory=set)
    services: dict[tuple[str, int], Answer] = field(default_factory=dict)
    doors: set[tuple[str, int]] = field(default_factory=set)
    claimed: dict[str, str] = field(default_factory=dict)
    probes: list[Route] = field(default_factory=list)
    _next: int = _FIRST_FREE

    def knock(self, route: Route) -> Knock:
        self.probes.append(route)
        is_closed = self.closed.get((route.source, route.host), no_port)
        if route.host not in self.up or is_closed(route.port):
            return Knock(SILENT, "timed out")
        door = (route.host, route.port)
        return Knock(OPEN) if door in self.doors or door in self.services else Knock(REFUSED, "Connection refused")

    @contextmanager
    def asked(self, route: Route, question: bytes, largest: int) -> Iterator[Heard]:
        knock = self.knock(route)
        if knock.state != OPEN:
            raise NoAnswerError(knock)
        if len(question) > _PACKET and (route.source, route.host) in self.narrow:
            yield Heard(b"", whole=False)
            return
        with self.services[route.host, route.port](question.rstrip(b"\n"), route.source) as answer:
            assert len(answer) <= largest
            cut = len(answer) > _PACKET and (route.host, route.source) in self.narrow
            yield Heard(answer.partition(b"\n")[0] + b"\n" if cut else answer, whole=not cut)

    @contextmanager
    def open_ports(self, ip: str, wanted: Iterable[int], free: int, avoid: Iterable[int]) -> Iterator[tuple[int, ...]]:
        not_taken = [port for port in wanted if (ip, port) not in {*self.doors, *self.services}]
        ports = (*not_taken, *(self._free(set(avoid)) for _ in range(free)))
        self.doors |= {(ip, port) for port in ports}
        try:
            yield ports
        finally:
            self.doors -= {(ip, port) for port in ports}

    def _free(self, avoid: set[int]) -> int:
        self._next += 1
        return self._next if self._next not in avoid else self._free(avoid)
