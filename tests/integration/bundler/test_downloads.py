"""A build that downloads: whole and right, or an error that says what to do."""

import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.build import build
from bundler.lock import lock_path, read_lock
from bundler.manifest import read_manifest
from installer.errors import DamagedError, RefusedError, UnreachableError
from tests.fakes.package_files import Made, driver_run, rpm_package
from tests.fakes.web import Reply, Request, Web, by_the_book
from tests.unit.bundler.making import Site
from tests.unit.bundler.test_totals import Heard

ROOT = Path(__file__).parents[3]


def cached(site: Site) -> list[Path]:
    return [path for path in (site.folder / "cache").rglob("*") if path.is_file()]


def test_a_bundle_of_downloads(site: Site, web: Web) -> None:
    def leading_on(request: Request, reply: Reply) -> Reply:
        name = request.path.removeprefix("/redirect")
        return reply if name == request.path else Reply(302, {"location": name})

    web.alter = leading_on
    for name in ("driver.run", "docker.tgz", "toolkit.tar.gz"):
        site.rewrite(f"url: {name}", f"url: {web.url}/redirect/{name}")
    sent = sum(len(web.files[f"/{name}"]) for name in ("driver.run", "docker.tgz", "toolkit.tar.gz"))
    assert site.build("first").received == sent
    lock = read_lock(lock_path(site.manifest))
    assert lock is not None
    driver = next(file for file in lock.files if file.kind == "driver")
    assert driver.url == driver.source == f"{web.url}/redirect/driver.run"
    web.asked.clear()
    assert site.build("second").received == 0
    assert web.asked == []
    assert (site.folder / "second/SHA256SUMS").read_bytes() == (site.folder / "first/SHA256SUMS").read_bytes()


def test_a_build_has_one_total_over_all_that_it_fetches(site: Site, web: Web) -> None:
    names = ("/driver.run", "/docker.tgz")
    for name in names:
        site.rewrite(f"url: {name[1:]}", f"url: {web.url}{name}")
    site.build("first")
    for name in names:
        site.work.cache.drop(hashlib.sha256(web.files[name]).hexdigest())
    heard = Heard()
    work = replace(site.work, meter=heard)
    build(read_manifest(site.manifest), site.folder / "second", site.key, site.asked.sources(), work)
    size = sum(len(web.files[name]) for name in names)
    assert [begun for begun in heard.begun if begun[0] == "total"] == [("total", size, 0)]
    assert heard.there["total"] == size


def test_what_the_cache_lost_is_downloaded_again(site: Site, web: Web) -> None:
    site.rewrite("url: driver.run", f"url: {web.url}/driver.run")
    site.build("first")
    for path in cached(site):
        if path.stat().st_size > 100_000:
            path.unlink()
    web.asked.clear()
    site.build("second")
    assert [request.path for request in web.asked] == ["/driver.run"]


def test_a_locked_digest_that_is_no_longer_served_is_refused(site: Site, web: Web) -> None:
    site.rewrite("url: driver.run", f"url: {web.url}/driver.run")
    site.build("first")
    for path in cached(site):
        path.unlink()
    web.files["/driver.run"] = b"#!/bin/sh\nanother"
    with pytest.raises(DamagedError, match="expected") as caught:
        site.build("second")
    assert f"`bundle lock {site.manifest} --update driver` locks it as it is now" in caught.value.hint


def test_a_wrong_digest_leaves_nothing_in_the_cache(site: Site, web: Web) -> None:
    site.rewrite("url: driver.run", f"url: {web.url}/driver.run, sha256: {'0' * 64}")
    with pytest.raises(DamagedError, match=f"expected {'0' * 64}"):
        site.build()
    assert [path for path in cached(site) if path.stat().st_size > 100_000] == []


def test_a_connection_that_is_cut_is_10_and_the_next_build_goes_on(site: Site, web: Web) -> None:
    whole = len(web.files["/driver.run"])
    web.alter = lambda request, reply: replace(reply, cut=90_000) if request.number == 1 else Reply(503)
    site.rewrite("url: driver.run", f"url: {web.url}/driver.run")
    with pytest.raises(UnreachableError) as caught:
        site.build()
    assert caught.value.exit_code == 10
    assert caught.value.hint
    web.alter = by_the_book
    site.build()
    assert web.sent == whole


def test_nobody_listening_is_10(site: Site) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        site.rewrite("url: driver.run", f"url: http://127.0.0.1:{unused.getsockname()[1]}/driver.run")
        with pytest.raises(UnreachableError, match="refused"):
            site.build()


def test_a_name_that_does_not_exist_is_10(site: Site) -> None:
    site.rewrite("url: driver.run", "url: http://nowhere.invalid/driver.run")
    with pytest.raises(UnreachableError):
        site.build()


def test_a_server_that_speaks_no_http_is_10(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def answer() -> None:
            with suppress(TimeoutError, OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        site.rewrite("url: driver.run", f"url: http://127.0.0.1:{listening.getsockname()[1]}/driver.run")
        with pytest.raises(UnreachableError):
            site.build()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_many_files_come_at_once_and_each_once(site: Site, web: Web) -> None:
    for name in ("driver.run", "docker.tgz"):
        site.rewrite(f"url: {name}", f"url: {web.url}/{name}")
    first = tree(site.build("first").folder)
    for path in cached(site):
        path.unlink()
    asked = len(web.asked)
    web.alter = lambda _, reply: replace(reply, cut=len(reply.body) // 2) if len(reply.body) > 5 else reply
    assert tree(site.build("second").folder) == first
    assert web.sent_since(asked) == len(web.files["/driver.run"]) + len(web.files["/docker.tgz"])


def test_packages_and_files_of_the_manifest_come_at_once(site: Site, web: Web) -> None:
    """Nobody gets an answer before three have asked."""
    together = threading.Barrier(3, timeout=10)

    def waiting(_request: Request, reply: Reply) -> Reply:
        together.wait()
        return reply

    for name in "abc":
        web.files[f"/{name}.rpm"] = rpm_package(Made(name, "1-1"))
        web.files[f"/{name}.txt"] = name.encode()
    packages = ", ".join(f"{{url: '{web.url}/{name}.rpm'}}" for name in "abc")
    files = ", ".join(f"{{url: '{web.url}/{name}.txt', name: {name}.txt}}" for name in "abc")
    site.manifest.write_text(f"{site.manifest.read_text()}packages: [{packages}]\nfiles: [{files}]\n")
    web.alter = waiting
    built = site.build()
    assert sorted(path.name for path in (built.folder / "files").iterdir()) == ["a.txt", "b.txt", "c.txt"]


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "signatures")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_web_page_is_no_driver(site: Site, web: Web) -> None:
    web.files["/driver.run"] = b"<html>please log in</html>"
    site.rewrite("url: driver.run", f"url: {web.url}/driver.run")
    with pytest.raises(RefusedError, match="web page"):
        site.build()


KILLED = """
import pathlib, sys
from tests.unit.bundler.making import Site
Site(pathlib.Path(sys.argv[1])).build()
"""


@pytest.mark.parametrize("seed", range(12))
def test_a_build_that_is_killed_at_any_moment_is_finished_by_the_next(site: Site, web: Web, seed: int) -> None:
    """Nothing that was complete comes again, and nothing partial has a final name."""
    for name in ("driver.run", "docker.tgz", "toolkit.tar.gz"):
        site.rewrite(f"url: {name}", f"url: {web.url}/{name}")
    web.files["/driver.run"] = driver_run("550.10", payload=os.urandom(3 << 20))
    dice = random.Random(seed)  # noqa: S311 # a test that can be repeated
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(site.folder), "NO_PROXY": "*"}
    command = (sys.executable, "-c", KILLED, str(site.folder))
    with subprocess.Popen(command, cwd=ROOT, env=environment) as build:
        wait_for(lambda: web.asked, build)
        time.sleep(dice.random() * 0.15)
        build.kill()
    before = {path.name: path.stat().st_size for path in cached(site) if path.parent.name != "aside"}
    for path in (site.folder / "cache/sha256").rglob("*"):
        assert path.is_dir() or hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    asked = len(web.asked)
    if not (site.folder / "out").exists():
        site.build()
    there = sum(before.get(name, 0) for name in names(web))
    assert web.sent_since(asked) <= sum(map(len, web.files.values())) - there
    assert {hashlib.sha256(content).hexdigest() for content in web.files.values()} <= {p.name for p in cached(site)}


def names(web: Web) -> Iterator[str]:
    """Under which a file may lie in the cache: whole, by its digest; before that, by its URL's."""
    for path, content in web.files.items():
        yield hashlib.sha256(content).hexdigest()
        yield f"url-{hashlib.sha256(f'{web.url}{path}'.encode()).hexdigest()}"


def wait_for(event: Callable[[], object], build: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not event() and build.poll() is None:
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)
