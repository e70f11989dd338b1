"""`bundle build` over lines that are cut, from servers that lie and fall silent: the same bundle, and hardly dearer."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.web import CHUNK, Reply, Request, by_the_book
from tests.integration.bundler.world import HUBS, BuildSite, World, world

EVERY = 149_993  # bytes after which each line breaks, also in the middle of a header or of a TLS record
UNIT = 500_000  # bytes
LITTLE = 4096  # bytes of a body that does not belong to the file
Lie = Callable[[Reply], Reply]


def another_part(reply: Reply) -> Reply:
    return replace(reply.saying(content_range="bytes 7-999999/1000000"), status=206, cut=LITTLE)


LIES: tuple[Lie, ...] = (
    lambda _: Reply(503, {"retry-after": "1"}),
    another_part,
    lambda reply: replace(reply.saying(content_length=str(len(reply.body) + 1000)), cut=LITTLE),
    lambda reply: replace(reply.saying(content_encoding="gzip"), cut=LITTLE),
    lambda _: Reply(200, {"content-type": "text/html"}, b"<html>please log in</html>"),
    lambda _: Reply(500),
    lambda _: Reply(429, {"retry-after": "Sat, 21 Nov 2020 00:00:00 GMT"}),
    lambda reply: replace(reply, framing="chunked", cut=LITTLE),
)


@dataclass
class Liar:
    """Every other answer is cut, the ones between are lies as long as there are some; the next file hears others.

    ``silent``: which file's second answer stops half-way and leaves the line open.
    """

    silent: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    disturbed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request, reply: Reply) -> Reply:
        with self.lock:
            self.asked[request.path] += 1
            number, first = self.asked[request.path], 3 * list(self.asked).index(request.path)
            told = LIES[first % len(LIES) :] + LIES[: first % len(LIES)]
            altered = self._altered(request.path, number, told[: len(LIES) // 2], reply)
            self.disturbed += altered is not reply
        return altered

    def _altered(self, path: str, number: int, lies: tuple[Lie, ...], reply: Reply) -> Reply:
        if path == self.silent and number == 2:
            return replace(reply, stall=EVERY)
        if number % 2 == 0 and number // 2 <= len(lies):
            return lies[number // 2 - 1](reply)
        return replace(reply, cut=EVERY, abruptly=number % 4 == 1) if len(reply.body) > EVERY else reply


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), UNIT) as one:
        yield one


@contextmanager
def disturbed(world: World, liar: Liar) -> Iterator[None]:
    hosts = (world.storage, *world.hubs.values())
    try:
        world.line.every, world.web.alter = EVERY, liar
        for host in hosts:
            host.cut, host.breaks = EVERY, 2
        yield
    finally:
        world.line.every, world.web.alter = None, by_the_book
        for host in hosts:
            host.cut, host.breaks = None, 0


@dataclass(frozen=True)
class Cost:
    """What one build takes from the servers; ``requests`` are those to the hubs, ``cuts`` those of the registry."""

    sent: int
    requests: int
    cuts: int

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.sent - other.sent, self.requests - other.requests, self.cuts - other.cuts)


def cost(world: World) -> Cost:
    requests = sum(len(host.asked) for host in (world.storage, *world.hubs.values()))
    return Cost(world.sent, requests, world.line.cuts)


def built(site: BuildSite) -> Cost:
    before = cost(site.world)
    site.build()
    return cost(site.world) - before


@pytest.mark.parametrize("hub", HUBS)
def test_a_bad_line_gives_the_same_bundle_and_hardly_a_byte_comes_twice(served: World, hub: str) -> None:
    good, bad = served.site(f"{hub}/good", hub), served.site(f"{hub}/bad", hub)
    least = built(good)
    liar = Liar(silent="/driver.run" if hub == HUBS[0] else "")  # once is enough: it takes a minute to be sure
    with disturbed(served, liar):
        spent = built(bad)
    assert bad.sums == good.sums
    breaks = spent.cuts + liar.disturbed + spent.requests - least.requests
    twice = spent.sent - least.sent
    figures = f"{twice} of {least.sent} bytes twice, in {breaks} breaks"
    logging.getLogger(__name__).info(figures)
    assert breaks > least.sent / EVERY / 2, figures
    assert twice < least.sent * 0.01 + CHUNK * breaks, figures
