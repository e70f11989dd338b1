"""A question to another node, and knocks at its ports: every wait has an end, every answer a greatest size."""

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from threading import Thread

OPEN, REFUSED, REJECTED, SILENT, BROKEN, LATE = "open", "refused", "rejected", "silent", "broken", "late"
_REJECTIONS = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM)  # what ICMP becomes, connect(2)
_CONNECT_SECONDS = 1.2  # Linux sends a lost SYN again after 1 s
_RESET = struct.pack("ii", 1, 0)  # as SO_LINGER
_KNOCKS = 128  # at the same moment; older kernels allow no more (net.core.somaxconn)
_AT_ONCE = 16  # knocks
_BREATH = 0.05  # seconds, so that what fails again and again takes no whole core
_ANY = 0  # the port for which the kernel chooses one
_TRIES = 100  # of them


@dataclass(frozen=True)
class Knock:
    """How a port answered. Refused is what a machine says where nobody listens; so does the plainest firewall rule.

    Rejected is what most firewalls say, and a kernel that finds no such neighbour. Silent is lost, or nobody there.
    Broken is a connection that the other side ended before it said anything, late one on which nothing came in time.
    """

    state: str
    why: str = ""

    @property
    def got_through(self) -> bool:
        """Also where whoever is there hangs up at once."""
        return self.state in (OPEN, BROKEN)


class NoAnswerError(Exception):
    """The port did not open, or nothing came out of it."""

    def __init__(self, knock: Knock) -> None:
        super().__init__(knock.why)
        self.knock = knock


@dataclass(frozen=True)
class Route:
    """From which of our addresses, to whom. The other node sees the first."""

    source: str
    host: str
    port: int


@dataclass(frozen=True)
class Heard:
    """``whole`` is whether the other side said that this is all."""

    data: bytes
    whole: bool


def knock(route: Route) -> Knock:
    try:
        with _connected(route):
            return Knock(OPEN)
    except NoAnswerError as error:
        return error.knock


def knock_all(source: str, host: str, ports: Sequence[int]) -> tuple[Knock, ...]:
    """At all at once: what is closed costs time."""
    with ThreadPoolExecutor(max_workers=max(1, min(len(ports), _AT_ONCE))) as pool:
        return tuple(pool.map(knock, (Route(source, host, port) for port in ports)))


@contextmanager
def asked(route: Route, question: bytes, largest: int, seconds: float) -> Iterator[Heard]:
    """Ask one thing; as long as we are inside, the other side keeps open what it opened for us.

    Raises NoAnswerError where the port does not open, or the other side breaks off. What does not come in time is an
    answer that is not whole.
    """
    with _connected(route) as line:
        deadline = time.monotonic() + seconds
        with suppress(OSError):  # the answer, or none, tells
            line.settimeout(seconds / 2)  # of all that is to be sent
            line.sendall(question)
        yield _all_of(line, largest, deadline)


@contextmanager
def open_ports(ip: str, wanted: Iterable[int], free: int, avoid: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Those ``wanted`` that nobody has, and behind them ``free`` ports that the kernel chooses, none of ``avoid``.

    At this address alone, and none where this machine does not have it. Whoever knocks is hung up on.
    """
    with ExitStack() as stack:
        doors = (*(_door_at(ip, port) for port in wanted), *(_any_door(ip, avoid) for _ in range(free)))
        opened = [stack.enter_context(door) for door in doors if door]
        stack.enter_context(_hanging_up(opened))
        yield tuple(door.getsockname()[1] for door in opened)


@contextmanager
def _hanging_up(doors: Sequence[socket.socket]) -> Iterator[None]:
    """On all who knock, or a door that stays open for long has no room for one more."""
    by_number = {door.fileno(): door for door in doors}
    ours, theirs = socket.socketpair()

    def hang_up() -> None:
        with DefaultSelector() as calls:
            for number in (*by_number, theirs.fileno()):
                calls.register(number, EVENT_READ)
            while theirs.fileno() not in (ready := [key.fd for key, _ in calls.select()]):
                for number in ready:
                    _hang_up(by_number[number])

    thread = Thread(target=hang_up, daemon=True)
    with ours, theirs:
        thread.start()
        try:
            yield
        finally:
            ours.shutdown(socket.SHUT_WR)
            thread.join()


def _hang_up(door: socket.socket) -> None:
    try:
        call, _ = door.accept()
    except OSError:  # gone again, or no descriptor is left
        time.sleep(_BREATH)
        return
    turn_away(call)


def turn_away(call: socket.socket) -> None:
    """No TIME_WAIT is left behind, in which nobody else could have the port."""
    with call:
        call.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _door_at(ip: str, port: int) -> socket.socket | None:
    with suppress(OSError):
        door = socket.create_server((ip, port), backlog=_KNOCKS)
        door.settimeout(0)
        return door
    return None


def _any_door(ip: str, avoid: Iterable[int]) -> socket.socket | None:
    for _ in range(_TRIES):
        door = _door_at(ip, _ANY)
        if door is None or door.getsockname()[1] not in avoid:
            return door
        door.close()
    return None


def _connected(route: Route) -> socket.socket:
    try:
        return socket.create_connection((route.host, route.port), _CONNECT_SECONDS, (route.source, 0))
    except ConnectionRefusedError as error:
        raise NoAnswerError(Knock(REFUSED, str(error.strerror))) from None
    except ConnectionResetError as error:
        raise NoAnswerError(Knock(BROKEN, str(error.strerror))) from None
    except OSError as error:
        if error.errno in _REJECTIONS:
            raise NoAnswerError(Knock(REJECTED, str(error.strerror))) from None
        raise NoAnswerError(Knock(SILENT, error.strerror or f"no answer in {_CONNECT_SECONDS} s")) from None


def _all_of(line: socket.socket, largest: int, deadline: float) -> Heard:
    data = b""
    while len(data) <= largest and (left := deadline - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            piece = line.recv(min(1 << 16, largest + 1 - len(data)))
        except TimeoutError:
            break
        except OSError as error:
            raise NoAnswerError(Knock(BROKEN, error.strerror or "it broke off")) from None
        if not piece:
            return Heard(data, whole=True)
        data += piece
    return Heard(data[:largest], whole=False)
