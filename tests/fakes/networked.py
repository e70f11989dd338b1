"""A machine's end of the cables: what it hears when it knocks, and who answers in its name."""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from installer.node import Node
from installer.node.answering import Answer, Limits
from installer.node.calls import OPEN, REFUSED, Heard, Knock, NoAnswerError, Route
from installer.sight import Output
from tests.fakes.linux import FakeLinux
from tests.fakes.network import FakeNetwork


class StillWaitingError(BaseException):
    """A unit's program waits for something; the machine goes on without it."""


class NetworkedNode(Node):
    """At ``ip`` on eth0. ``reachable`` are ports that open without a network, ``web`` what is served by HTTP."""

    linux: FakeLinux

    def __init__(self, root: Path, ip: str) -> None:
        super().__init__(root=root)
        self.ip = ip
        self.as_root = True
        self.reachable: set[tuple[str, int]] = set()
        self.network = FakeNetwork({ip})
        self.web: dict[str, tuple[int, bytes]] = {}
        self.in_child = False
        self._answers: set[tuple[str, int]] = set()  # of the child beside the node unit

    def join(self, network: FakeNetwork) -> None:
        network.services |= {door: self.network.services[door] for door in self._answers}
        network.up.add(self.ip)
        self.network = network

    def connects(self, host: str, port: int, timeout: float = 3) -> bool:  # noqa: ARG002
        return (host, port) in self.reachable or self.knock(Route(self.ip, host, port)).state == OPEN

    def knock(self, route: Route) -> Knock:
        if (route.host, route.port) in self.reachable:
            return Knock(OPEN)
        if route.host in {host for host, _ in self.reachable} - self.network.up:
            return Knock(REFUSED, "Connection refused")
        return self.network.knock(route)

    def knock_all(self, source: str, host: str, ports: Sequence[int]) -> tuple[Knock, ...]:
        return tuple(self.knock(Route(source, host, port)) for port in ports)

    @contextmanager
    def asked(self, route: Route, question: bytes, largest: int, seconds: float) -> Iterator[Heard]:  # noqa: ARG002
        knock = self.knock(route)
        if knock.state != OPEN:
            raise NoAnswerError(knock)
        with self.network.asked(route, question, largest) as heard:
            yield heard

    @contextmanager
    def open_ports(self, ip: str, wanted: Iterable[int], free: int, avoid: Iterable[int]) -> Iterator[tuple[int, ...]]:
        assert ip == self.ip
        before = self.linux.listeners
        with self.network.open_ports(ip, wanted, free, avoid) as ports:
            self.linux.listeners = [*before, *((ip, port) for port in ports)]
            yield ports
        self.linux.listeners = before

    def answer_calls(self, ip: str, port: int, answer: Answer, limits: Limits, goes_on: Callable[[], bool]) -> None:  # noqa: ARG002
        """What listens by hand answers until `on_sleep` has done what happens meanwhile."""
        assert ip == self.ip
        door = (ip, port)
        if door in self.network.services or door in self.network.doors:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self.network.services[door] = answer
        if self.in_child:
            self._answers.add(door)
            return
        try:
            while goes_on():
                self.sleep(1)
        finally:
            del self.network.services[door]

    def beside(self, work: Callable[[], None]) -> None:
        """A child goes on for ever; here it has done all when it would wait."""
        self.end_child()
        self.in_child = True
        try:
            work()
        except StillWaitingError:
            pass
        finally:
            self.in_child = False

    def end_child(self) -> None:
        for door in self._answers:
            self.network.services.pop(door, None)
        self._answers.clear()

    def answers_arp(self, interface: str, own: str, peer: str) -> bool:
        assert (interface, own) == ("eth0", self.ip)
        return self.as_root and peer in self.network.up - self.linux.routed

    def other_holder(self, interface: str, ip: str) -> str:
        assert (interface, ip) == ("eth0", self.ip)
        return self.network.claimed.get(ip, "") if self.as_root else ""

    def http_get(
        self,
        host: str,
        port: int,
        path: str,
        timeout: float = 5,  # noqa: ARG002
    ) -> tuple[int, bytes] | None:
        return self.web.get(f"{host}:{port}{path}")

    def ping(self, arguments: tuple[str, ...]) -> Output:
        return Output(0 if arguments[-1] in self.network.up else 1, "", "")
