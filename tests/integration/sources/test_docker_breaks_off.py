"""A daemon that stops in the middle of a save, as one does whose disk is full or whose machine goes down."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.progress import unwatched
from bundler.sources.image.docker import take_image
from installer.errors import UnreachableError
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, tar

IMAGE = FakeImage((tar({"etc/note": b"0123456789abcdef" * 200_000}),))


class Api(BaseHTTPRequestHandler):
    """The three answers of docker's API that a save needs; the last one is cut short."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self.answer(b'{"ApiVersion": "1.41"}')
        elif self.path.endswith("/json"):
            self.answer(json.dumps({"Id": IMAGE.id, "Os": "linux", "Architecture": "amd64", "Size": 1}).encode())
        else:
            self.break_off(IMAGE.saved_by_24())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def break_off(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = body[: len(body) // 2]
        self.wfile.write(b"%x\r\n%b\r\n" % (len(half), half))
        self.close_connection = True

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, *_: object) -> None:
        """The test tells what it wants to know."""


@pytest.fixture
def docker_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = str(tmp_path / "docker.sock")
    with socketserver.ThreadingUnixStreamServer(address, Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")
        yield f"unix://{address}"
        server.shutdown()
        thread.join()


def test_a_save_that_breaks_off_names_the_daemon_and_leaves_nothing(docker_host: str, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with pytest.raises(UnreachableError, match=f"{docker_host} broke off"):
        take_image("example:1", cache, unwatched)
    assert list((cache.folder / "aside").iterdir()) == []
    assert not (cache.folder / "docker").exists()
