"""`python -m benches.hub FOLDER PORT`: a hub on loopback with the model in FOLDER, as huggingface.co answers."""

import hashlib
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_IN_LFS = ".safetensors"
_START = re.compile(r"bytes=(\d+)-")


class Hub(ThreadingHTTPServer):
    """Digests are known before anybody asks, as a hub knows them."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.listing = [_entry(path) for path in sorted(folder.iterdir())]
        super().__init__(("127.0.0.1", port), _Answers)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is http.server's
        pass

    def do_GET(self) -> None:
        if "/resolve/" in self.path:
            self._send_file(self.server.folder / self.path.rpartition("/")[2])
        elif self.path.startswith("/api/models/"):
            self._send_listing()
        else:
            self._send_head(404, 0)

    def _send_listing(self) -> None:
        info = {"id": "bench/model", "sha": _COMMIT, "private": False, "gated": False, "siblings": self.server.listing}
        body = json.dumps(info).encode()
        self._send_head(200, len(body))
        self.wfile.write(body)

    def _send_file(self, path: Path) -> None:
        size, asked = path.stat().st_size, _START.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self._send_head(206 if asked else 200, size - start, f"bytes {start}-{size - 1}/{size}" if asked else "")
        with path.open("rb") as file:
            self.connection.sendfile(file, start)

    def _send_head(self, status: int, length: int, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()


def _entry(path: Path) -> dict[str, object]:
    known: dict[str, object] = {"rfilename": path.name, "size": path.stat().st_size}
    if path.name.endswith(_IN_LFS):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return known | {"blobId": "0" * 40, "lfs": {"sha256": sha256, "size": path.stat().st_size, "pointerSize": 134}}
    content = path.read_bytes()
    return known | {"blobId": hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()}


if __name__ == "__main__":
    Hub(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
