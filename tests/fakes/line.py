"""A TCP line on loopback between a client and a real server: it counts what it carries back, and it can be cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Final

_PIECE = 16 << 10  # bytes
_BUFFER: Final = 16 << 10  # bytes in flight, so that what was carried and never arrived stays small


class Line(ThreadingTCPServer):
    """``every``: how many bytes a connection brings before it breaks, if it does. TLS goes through as it is."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        host, _, port = server.rpartition(":")
        self.behind = (host, int(port))
        self.every: int | None = None
        self.carried = 0  # bytes, to the client
        self.cuts = 0
        self.connections = 0
        self.open = 0
        self.lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Connection(BaseRequestHandler):
    server: Line

    def setup(self) -> None:
        with self.server.lock:
            self.server.connections += 1
            self.server.open += 1

    def handle(self) -> None:
        with socket.create_connection(self.server.behind) as upstream:
            asking = threading.Thread(target=self._ask, args=(upstream,), daemon=True)
            asking.start()
            with suppress(OSError):  # a client that was killed
                self._answer(upstream)
            for end in (upstream, self.request):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            asking.join()

    def finish(self) -> None:
        with self.server.lock:
            self.server.open -= 1

    def _ask(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while data := self.request.recv(_PIECE):
                upstream.sendall(data)
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_RDWR)

    def _answer(self, upstream: socket.socket) -> None:
        brought = 0
        while data := upstream.recv(_PIECE):
            end = self.server.every
            data = data[: None if end is None else end - brought]
            self.request.sendall(data)
            brought += len(data)
            with self.server.lock:
                self.server.carried += len(data)
                self.server.cuts += brought == end
            if brought == end:
                return


@contextmanager
def line_to(server: str) -> Iterator[Line]:
    """``server`` is HOST:PORT."""
    line = Line(server)
    thread = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield line
    finally:
        line.shutdown()
        thread.join()
        line.server_close()
