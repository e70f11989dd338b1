"""An HTTP server on loopback that serves, redirects, lies and cuts, as its paths say."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """``files`` by path. /redirect/PATH leads to PATH, /cut/PATH ends half-way, /long/PATH lacks a length."""

    files: Mapping[str, bytes]
    asked: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        how, _, name = self.path[1:].partition("/")
        if how == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif how in {"cut", "long"}:
            self._send(name, cut=how == "cut", length=how == "cut")
        else:
            self._send(self.path[1:], cut=False, length=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is http.server's
        pass

    def _send(self, name: str, *, cut: bool, length: bool) -> None:
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        if length:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Answers)
    server.files, server.asked = files, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
