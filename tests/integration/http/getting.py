"""What the tests of transfers share: content that never repeats, and questions about a cache."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.transfer import Wanted, Watcher, transfer
from bundler.progress import unwatched
from tests.fakes.web import Alter, Reply, Request

SIZE = 300_000
CONTENT = random.Random(7).randbytes(SIZE)  # noqa: S311 # test data
DIGEST = hashlib.sha256(CONTENT).hexdigest()
OTHER = random.Random(8).randbytes(SIZE)  # noqa: S311 # test data


def get(client: Client, cache: Cache, wanted: Wanted) -> bytes:
    """What is in the cache after a transfer; its digest is compared once more."""
    stored = transfer(wanted, client, cache, unwatched)
    content = cache.path(stored.sha256).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (stored.sha256, stored.size)
    return content


def whole_files(cache: Cache) -> list[Path]:
    return [path for path in (cache.folder / "sha256").rglob("*") if path.is_file()]


def partial_files(cache: Cache) -> list[Path]:
    return [path for path in cache.partials.glob("*") if path.suffix != ".json"]


def first(alter: Alter, count: int = 1) -> Alter:
    """``alter`` for the first ``count`` requests, then by the book."""

    def altered(request: Request, reply: Reply) -> Reply:
        return alter(request, reply) if request.number <= count else reply

    return altered


def cut_after(count: int) -> Alter:
    return lambda _request, reply: replace(reply, cut=count)


def saying(**headers: str | None) -> Alter:
    return lambda _request, reply: reply.saying(**headers)


def without_ranges(request: Request, content: bytes, reply: Reply) -> Reply:
    """As a server answers that knows no ranges."""
    return Reply(200, {}, content) if request.headers.get("range") else reply.saying(accept_ranges=None)


class Seen(Watcher):
    """Remembers what it saw."""

    def __init__(self) -> None:
        self.content = bytearray()

    def feed(self, piece: bytes | memoryview) -> None:
        self.content += piece


def watching() -> tuple[list[Seen], Callable[[], Seen]]:
    """Every watcher that was made, and what makes them."""
    made: list[Seen] = []

    def watch() -> Seen:
        made.append(Seen())
        return made[-1]

    return made, watch
