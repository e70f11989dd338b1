"""What the hubs of models share on loopback: repositories with a history, and a second host where large files lie."""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

_Server = TypeVar("_Server", bound="Host")
_PIECE = 16 << 10  # bytes sent at a time
Files = Mapping[str, bytes]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """``names`` are branches and tags, each of a commit; ``token`` is who may read, "" for everyone."""

    commits: dict[str, Files] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def push(self, name: str, files: Files) -> str:
        """Move a branch on; the commit that it then is at."""
        listed = json.dumps({path: sha256(content) for path, content in files.items()}, sort_keys=True)
        commit = hashlib.sha1(f"{len(self.commits)} {listed}".encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        self.names[name] = commit
        return commit

    def commit(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.names.get(revision)


@dataclass(frozen=True)
class Request:
    """As a host got it."""

    path: str
    headers: Mapping[str, str]


class Host(ThreadingHTTPServer):
    """Remembers who asked for what. ``cut``: bytes of a file after which the line breaks off, if it does;
    ``breaks``: how many of the next documents end half-way.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.asked: list[Request] = []
        self.cut: int | None = None
        self.breaks = 0
        self.sent_of: Counter[str] = Counter()  # bytes of bodies, by the path that was asked for
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def sent(self) -> int:
        with self.lock:
            return self.sent_of.total()

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


class Storage(Host):
    """Where hubs keep what is large, by sha256; whoever has the link may read."""

    def __init__(self) -> None:
        super().__init__(StorageAnswers)
        self.objects: dict[str, bytes] = {}

    def link(self, content: bytes) -> str:
        name = sha256(content)
        self.objects[name] = content
        return f"{self.url}/{name}?signature=temporary"


class Answers(BaseHTTPRequestHandler):
    """What every host can send."""

    protocol_version = "HTTP/1.1"
    server: Host

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is http.server's
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # a client that has seen enough
            self.close_connection = True

    def do_GET(self) -> None:
        self.server.asked.append(Request(self.path, dict(self.headers.items())))
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        cut = len(body) // 2 if self.server.breaks else None
        self.server.breaks = max(0, self.server.breaks - 1)
        self.send(status, body, {"Content-Type": "application/json", **(headers or {})}, cut)

    def send(self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        breaks = cut is not None and len(body) > cut
        self.close_connection = self.close_connection or breaks
        self._write(body[:cut] if breaks else body)

    def _write(self, body: bytes) -> None:
        """In pieces, so that little counts as sent when the client is killed."""
        for start in range(0, len(body), _PIECE):
            piece = body[start : start + _PIECE]
            self.wfile.write(piece)
            with self.server.lock:
                self.server.sent_of[self.path] += len(piece)

    def send_content(self, content: bytes, headers: Mapping[str, str]) -> None:
        """All of it, or from where the client wants to go on, or nothing if it has that very content."""
        tag = f'"{sha256(content)}"'
        if self.headers.get("If-None-Match") == tag:
            self.send(304, b"", {"ETag": tag, **headers})
            return
        start = self._start()
        if start and start < len(content) and self.headers.get("If-Range") in (None, tag):
            part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", "ETag": tag}
            self.send(206, content[start:], {**headers, **part}, self.server.cut)
        else:
            self.send(200, content, {"ETag": tag, **headers}, self.server.cut)

    def _start(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0


class StorageAnswers(Answers):
    server: Storage

    def answer(self) -> None:
        content = self.server.objects.get(self.path[1:].partition("?")[0])
        if content is None:
            self.send(404, b"", {})
        else:
            self.send_content(content, {"Accept-Ranges": "bytes"})


@contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
