"""Whatever a line and a server do: the stored bytes are right or there is an error, and hardly a byte comes twice."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.transfer import Wanted, transfer
from bundler.progress import unwatched
from installer.errors import AirgapError
from tests.fakes.web import CHUNK, Reply, Request, Web
from tests.integration.http.getting import CONTENT, DIGEST, OTHER, SIZE, get, partial_files, whole_files

ROOT = Path(__file__).parents[3]
LARGE = random.Random(9).randbytes(8 << 20)  # noqa: S311 # test data


@pytest.mark.parametrize("every", [997, 4096, 65_537, 299_999])
@pytest.mark.parametrize("abruptly", [False, True])
@pytest.mark.parametrize("sha256", [DIGEST, ""])
def test_a_line_that_is_cut_at_every_nth_byte(
    web: Web, client: Client, cache: Cache, every: int, sha256: str, *, abruptly: bool
) -> None:
    web.files["/file"] = CONTENT
    web.alter = lambda _, reply: replace(reply, cut=every, abruptly=abruptly) if len(reply.body) > every else reply
    assert get(client, cache, Wanted("file", (f"{web.url}/file",), sha256)) == CONTENT
    cuts = SIZE // every
    assert web.sent <= SIZE * 1.01 + cuts * min(CHUNK, every)
    if not abruptly:
        assert web.sent == SIZE


def misbehaving(dice: random.Random) -> Callable[[Request, Reply], Reply]:
    """Cuts, stalls and lies by chance; at times it is honest."""

    def alter(_request: Request, reply: Reply) -> Reply:
        at = dice.randrange(len(reply.body) + 1)
        return dice.choice(
            (
                reply,
                replace(reply, cut=at),
                replace(reply, cut=at),
                replace(reply, cut=at, abruptly=True),
                replace(reply, cut=at, framing="chunked"),
                replace(reply, cut=at, framing="close"),
                replace(reply, framing="chunked"),
                replace(reply, framing="close"),
                replace(reply.saying(content_length=str(dice.randrange(2 * SIZE))), cut=at),
                reply.saying(etag=f'"{dice.random()}"'),
                reply.saying(etag=None, last_modified=None),
                reply.saying(content_range=f"bytes {at}-{SIZE - 1}/{SIZE}"),
                reply.saying(content_encoding="gzip"),
                Reply(200, {}, CONTENT, cut=at),
                Reply(200, {"content-type": "text/html"}, b"<html>please log in</html>"),
                Reply(416, {"content-range": f"bytes */{at}"}),
                Reply(416),
                Reply(429, {"retry-after": "1"}),
                Reply(503, {"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}),
                Reply(500),
            )
        )

    return alter


@pytest.mark.parametrize("seed", range(60))
def test_right_bytes_or_an_error(web: Web, client: Client, cache: Cache, seed: int) -> None:
    web.files["/file"] = CONTENT
    web.alter = misbehaving(random.Random(seed))  # noqa: S311 # a test that can be repeated
    size = SIZE if seed % 2 else None
    codes: set[int] = set()
    for _ in range(20):
        try:
            assert get(client, cache, Wanted("file", (f"{web.url}/file",), DIGEST, size)) == CONTENT
        except AirgapError as error:
            codes.add(error.exit_code)
            assert whole_files(cache) == []
        else:
            assert partial_files(cache) == []
            assert codes <= {5, 10}
            return
    pytest.fail("a server that is honest at times must do at last")


@pytest.mark.parametrize("seed", range(30))
def test_an_unknown_file_is_never_mixed_from_two(web: Web, client: Client, cache: Cache, seed: int) -> None:
    """It changes at some moment, on a line that cuts; every validator says so."""
    dice = random.Random(seed)  # noqa: S311 # a test that can be repeated
    web.files["/file"] = CONTENT
    change = dice.randrange(1, 8)

    def alter(request: Request, reply: Reply) -> Reply:
        if request.number == change:
            web.files["/file"] = OTHER
        return replace(reply, cut=dice.randrange(len(reply.body) + 1), abruptly=dice.random() < 0.5)

    web.alter = alter
    assert get(client, cache, Wanted("file", (f"{web.url}/file",))) in {CONTENT, OTHER}


KILLED = """
import sys
from pathlib import Path
from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.transfer import Wanted, transfer
from bundler.progress import unwatched
url, sha256, folder = sys.argv[1:]
with Client() as client:
    transfer(Wanted("file", (url,), sha256), client, Cache(Path(folder)), unwatched)
"""


@pytest.mark.parametrize("pinned", [True, False])
def test_a_kill_loses_nothing_that_has_arrived(web: Web, client: Client, cache: Cache, *, pinned: bool) -> None:
    web.files["/file"] = LARGE
    web.alter = lambda _, reply: replace(reply, stall=len(reply.body) // 3)
    digest = hashlib.sha256(LARGE).hexdigest()
    url, there = f"{web.url}/file", [0]
    for _ in range(5):
        command = (sys.executable, "-c", KILLED, url, digest if pinned else "", str(cache.folder))
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "NO_PROXY": "*"}) as killed:
            wait_for_more(cache, there[-1] + CHUNK)
            os.kill(killed.pid, signal.SIGKILL)
        there.append(arrived(cache))
        assert whole_files(cache) == []
    web.alter = lambda _, reply: reply
    stored = transfer(Wanted("file", (url,), digest if pinned else ""), client, cache, unwatched)
    assert cache.path(stored.sha256).read_bytes() == LARGE
    assert stored.sha256 == digest
    assert partial_files(cache) == []
    resumed = [int(request.headers.get("range", "bytes=0-")[6:-1]) for request in web.asked]
    assert resumed == there


def arrived(cache: Cache) -> int:
    """Bytes on the disk of the one partial file there may be."""
    return sum(path.stat().st_size for path in partial_files(cache))


def wait_for_more(cache: Cache, size: int) -> None:
    deadline = time.monotonic() + 30
    while arrived(cache) <= size:
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)
