"""A web server on loopback that serves files by the book, unless it is told to cut, lie, stall or refuse."""

import email.utils
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

CHUNK: Final = 16 << 10  # bytes sent at a time
_LONG_AGO = 1_600_000_000  # seconds since 1970
_BUFFER = 16 << 10  # bytes in flight, so that what was sent and never arrived stays small
_HIGHEST = 10**18


@dataclass(frozen=True)
class Request:
    """``number`` counts from 1. Header names are in lower case."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """``cut``: the line breaks after so many bytes of the body; ``stall``: nothing more comes, and it stays open."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    abruptly: bool = False
    stall: int | None = None
    drip: float = 0.0  # seconds between single bytes, of which the body is sent if this is more than 0
    framing: str = "length"  # or "chunked", or "close": the body ends where the connection does

    def saying(self, **headers: str | None) -> "Reply":
        """With other headers (``content_range="..."``), or without those that are None."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name not in changed}
        return replace(self, headers=kept | {name: value for name, value in changed.items() if value is not None})


Alter = Callable[[Request, Reply], Reply]


def by_the_book(_request: Request, reply: Reply) -> Reply:
    return reply


class Web(ThreadingHTTPServer):
    """``files`` by path; every honest reply goes through ``alter`` before it is sent."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.files = dict(files)
        self.alter: Alter = by_the_book
        self.asked: list[Request] = []
        self.sent = 0  # bytes of bodies
        self.sent_to: dict[int, int] = {}  # the same, by the number of the request
        self.over = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def other_url(self) -> str:
        """The same server by another name, so another host to a client."""
        return f"http://localhost:{self.server_port}"

    def sent_since(self, number: int) -> int:
        """To requests after this one. A connection that was killed may still be counting."""
        with self.lock:
            return sum(count for asked, count in self.sent_to.items() if asked > number)

    def reply(self, request: Request) -> Reply:
        content = self.files.get(request.path)
        if content is None:
            return self.alter(request, Reply(404, body=b"no such file"))
        return self.alter(request, honest(request, content))


def honest(request: Request, content: bytes) -> Reply:
    """As RFC 9110 has it, for one range without an end."""
    tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    changed = email.utils.formatdate(_LONG_AGO, usegmt=True)
    headers = {"etag": tag, "last-modified": changed, "accept-ranges": "bytes"}
    if request.headers.get("if-none-match") == tag or request.headers.get("if-modified-since") == changed:
        return Reply(304, headers)
    start = _start(request, tag, changed)
    if start is None:
        return Reply(200, headers, content)
    if start >= len(content):
        return Reply(416, {**headers, "content-range": f"bytes */{len(content)}"})
    part = {**headers, "content-range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    return Reply(206, part, content[start:])


def _start(request: Request, *validators: str) -> int | None:
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
    valid = request.headers.get("if-range", validators[0]) in validators
    return int(asked[1]) if asked and valid else None


class _Handler(BaseHTTPRequestHandler):
    server: Web
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            request = Request(len(self.server.asked) + 1, self.command, self.path, headers, body)
            self.server.asked.append(request)
        self._send(self.server.reply(request), request.number)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is http.server's
        pass

    def _send(self, reply: Reply, number: int) -> None:
        try:
            self._send_head(reply)
            self._send_body(reply, number)
        except OSError:  # the client has had enough
            self.close_connection = True

    def _send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.framing == "chunked":
            self.send_header("transfer-encoding", "chunked")
        elif reply.framing == "close":
            self.send_header("connection", "close")
        elif "content-length" not in reply.headers and reply.status != 304:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()

    def _send_body(self, reply: Reply, number: int) -> None:
        limit = min(_HIGHEST if end is None else end for end in (reply.cut, reply.stall))
        size = 1 if reply.drip else CHUNK
        for start in range(0, min(len(reply.body), limit), size):
            self.server.over.wait(reply.drip)
            piece = reply.body[start : min(start + size, limit)]
            if reply.framing == "chunked":
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            else:
                self.wfile.write(piece)
            with self.server.lock:
                self.server.sent += len(piece)
                self.server.sent_to[number] = self.server.sent_to.get(number, 0) + len(piece)
        if reply.stall is not None:
            self.server.over.wait(60)
        if reply.cut is not None or reply.stall is not None:
            self._cut(abruptly=reply.abruptly)
        elif reply.framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")

    def _cut(self, *, abruptly: bool) -> None:
        self.close_connection = True
        if abruptly:  # a reset, as from a router that lost its table
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Web]:
    with running(Web(files)) as web:
        yield web


@contextmanager
def running(web: Web) -> Iterator[Web]:
    """Answers until the end, and is gone then."""
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.over.set()
        web.shutdown()
        thread.join()
        web.server_close()
