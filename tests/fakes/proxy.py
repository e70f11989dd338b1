"""An HTTP proxy on loopback: absolute URIs for http, CONNECT for https; it remembers what it was asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

_BUFFER = 64 << 10  # bytes


class Proxy(ThreadingTCPServer):
    """``asked`` are request lines. With a ``password`` it lets nobody through who does not know it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.headers: list[bytes] = []
        self.wants_password = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        line = self.rfile.readline()
        headers = b""
        while (header := self.rfile.readline()).strip():
            headers += header
        method, target, _ = line.decode("ascii").split()
        self.server.asked.append(f"{method} {target}")
        self.server.headers.append(headers)
        if self.server.wants_password and b"proxy-authorization" not in headers.lower():
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            self._tunnel(target)
        else:
            self._ask(method, target, headers)

    def _tunnel(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join(5)

    def _ask(self, method: str, target: str, headers: bytes) -> None:
        url = urlsplit(target)
        kept = b"".join(h for h in headers.splitlines(keepends=True) if not h.lower().startswith(b"connection:"))
        with socket.create_connection((str(url.hostname), url.port or 80)) as upstream:
            upstream.sendall(f"{method} {url.path} HTTP/1.1\r\n".encode() + kept + b"Connection: close\r\n\r\n")
            _pump(upstream, self.connection)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(_BUFFER):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def proxying() -> Iterator[Proxy]:
    proxy = Proxy()
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
