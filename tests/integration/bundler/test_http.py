"""Downloads over a real socket: whole and right, or an error that says what to do."""

import socket
import threading
from pathlib import Path

import pytest
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection

from bundler.http import download
from bundler.lock import lock_path, read_lock
from bundler.progress import unwatched
from installer.errors import DamagedError, RefusedError, UnreachableError
from tests.integration.bundler.loopback import Server
from tests.unit.bundler.making import Site


def cached(site: Site) -> list[Path]:
    return [path for path in (site.folder / "cache").rglob("*") if path.is_file()]


def test_a_bundle_of_downloads(site: Site, server: Server) -> None:
    for name in ("driver.run", "docker.tgz", "toolkit.tar.gz"):
        site.rewrite(f"url: {name}", f"url: {server.url}/redirect/{name}")
    site.build("first")
    lock = read_lock(lock_path(site.manifest))
    assert lock is not None
    driver = next(file for file in lock.files if file.kind == "driver")
    assert driver.url == driver.source == f"{server.url}/redirect/driver.run"
    server.asked.clear()
    site.build("second")
    assert server.asked == []
    assert (site.folder / "second/SHA256SUMS").read_bytes() == (site.folder / "first/SHA256SUMS").read_bytes()


def test_what_the_cache_lost_is_downloaded_again(site: Site, server: Server) -> None:
    site.rewrite("url: driver.run", f"url: {server.url}/driver.run")
    site.build("first")
    for path in cached(site):
        if path.stat().st_size > 100_000:
            path.unlink()
    server.asked.clear()
    site.build("second")
    assert server.asked == ["/driver.run"]


def test_a_locked_digest_that_is_no_longer_served_is_refused(site: Site, server: Server) -> None:
    site.rewrite("url: driver.run", f"url: {server.url}/driver.run")
    site.build("first")
    for path in cached(site):
        path.unlink()
    server.files = {**server.files, "driver.run": b"#!/bin/sh\nanother"}
    with pytest.raises(DamagedError, match="expected"):
        site.build("second")


def test_a_wrong_digest_leaves_nothing_in_the_cache(site: Site, server: Server) -> None:
    site.rewrite("url: driver.run", f"url: {server.url}/driver.run, sha256: {'0' * 64}")
    with pytest.raises(DamagedError, match=f"expected {'0' * 64}"):
        site.build()
    assert [path for path in cached(site) if path.stat().st_size > 100_000] == []


def test_a_connection_that_is_cut_is_10_and_leaves_nothing(site: Site, server: Server) -> None:
    site.rewrite("url: driver.run", f"url: {server.url}/cut/driver.run")
    with pytest.raises(UnreachableError) as caught:
        site.build()
    assert caught.value.exit_code == 10
    assert caught.value.hint
    assert [path for path in cached(site) if path.stat().st_size > 10_000] == []


def test_a_cut_is_noticed_where_the_library_counts_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As urllib3 1.26 does, which does not compare with Content-Length."""
    answer = HTTPConnection.getresponse

    def careless(connection: HTTPConnection) -> HTTPResponse:
        response = answer(connection)
        response.enforce_content_length = False
        return response

    monkeypatch.setattr(HTTPConnection, "getresponse", careless)
    with pytest.raises(UnreachableError, match="ended after"):
        download(f"{server.url}/cut/driver.run", bytes, "driver", unwatched)


def test_a_missing_file_names_the_url_and_the_answer(server: Server) -> None:
    with pytest.raises(UnreachableError, match=r"/gone\.run: the server answered 404"):
        download(f"{server.url}/gone.run", bytes, "driver", unwatched)


def test_a_body_without_a_length_is_taken(server: Server) -> None:
    pieces: list[bytes] = []
    download(f"{server.url}/long/driver.run", pieces.append, "driver", unwatched)
    assert b"".join(pieces) == server.files["driver.run"]


def test_nobody_listening_is_10(site: Site) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnreachableError, match="refused"):
            download(f"http://127.0.0.1:{port}/x", bytes, "driver", unwatched)


def test_a_name_that_does_not_exist_is_10() -> None:
    with pytest.raises(UnreachableError):
        download("http://nowhere.invalid/x", bytes, "driver", unwatched)


def test_a_server_that_speaks_no_http_is_10() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnreachableError):
            download(f"http://127.0.0.1:{listening.getsockname()[1]}/x", bytes, "driver", unwatched)
        thread.join()


def test_a_login_page_is_no_driver(site: Site, server: Server) -> None:
    server.files = {**server.files, "driver.run": b"<html>please log in</html>"}
    site.rewrite("url: driver.run", f"url: {server.url}/driver.run")
    with pytest.raises(RefusedError, match=r"not a driver's \.run file"):
        site.build()
