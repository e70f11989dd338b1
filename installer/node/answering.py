"""A door at which other nodes may ask one thing each: nobody can keep it busy, fill it, or make it wait for long."""

import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from threading import Lock, Thread

from installer.node.calls import turn_away

# The question without its end of line, and the address it came from; what is opened for an answer ends with it.
Answer = Callable[[bytes, str], AbstractContextManager[bytes]]
_LOOK_UP = 0.5  # seconds between two looks at whether to go on
_BACKLOG = 64


@dataclass(frozen=True)
class Limits:
    """``line`` bytes are the longest question, ``seconds`` all that one call may take."""

    line: int
    seconds: float
    at_once: int
    per_source: int


def answer_calls(ip: str, port: int, answer: Answer, limits: Limits, goes_on: Callable[[], bool]) -> None:
    """Until ``goes_on`` says no. Raises OSError where the port cannot be had."""
    with socket.create_server((ip, port), backlog=_BACKLOG) as door:
        door.settimeout(_LOOK_UP)
        calls = _Calls(answer, limits)
        while goes_on():
            with suppress(TimeoutError):
                _take_one(door, calls)


def _take_one(door: socket.socket, calls: "_Calls") -> None:
    try:
        call, (source, _) = door.accept()
    except TimeoutError:
        raise
    except OSError:  # gone again, or no descriptor is left
        time.sleep(_LOOK_UP)
        return
    if not calls.begin(call, source):
        turn_away(call)


class _Calls:
    """Those at work, a thread each, up to so many at once and of one source."""

    def __init__(self, answer: Answer, limits: Limits) -> None:
        self._answer = answer
        self._limits = limits
        self._lock = Lock()
        self._of: Counter[str] = Counter()

    def begin(self, call: socket.socket, source: str) -> bool:
        with self._lock:
            if self._of.total() >= self._limits.at_once or self._of[source] >= self._limits.per_source:
                return False
            self._of[source] += 1
        try:
            Thread(target=self._work, args=(call, source), daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._end(source)
            return False
        return True

    def _work(self, call: socket.socket, source: str) -> None:
        try:
            with call, suppress(OSError):
                self._converse(call, source)
        finally:
            self._end(source)

    def _end(self, source: str) -> None:
        with self._lock:
            self._of -= Counter({source: 1})

    def _converse(self, call: socket.socket, source: str) -> None:
        """The other side closes last: until then it may look at what was opened for it."""
        deadline = time.monotonic() + self._limits.seconds
        line = _read_line(call, self._limits.line, deadline)
        if line is None:
            return
        with self._answer(line, source) as reply:
            _wait_until(call, deadline)
            call.sendall(reply)
            call.shutdown(socket.SHUT_WR)
            _wait_until(call, deadline)
            call.recv(1)


def _read_line(call: socket.socket, longest: int, deadline: float) -> bytes | None:
    """Looks at each byte once, however small the pieces are."""
    line, end = bytearray(), b""
    while not end:
        _wait_until(call, deadline)
        piece = call.recv(longest + 1 - len(line))
        words, end, _ = piece.partition(b"\n")
        line += words
        if not piece or len(line) > longest:
            return None
    return bytes(line)


def _wait_until(call: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    call.settimeout(left)
