"""What the servers of a world gave of each file, and what a cache has of it already."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.loopback_hub import sha256
from tests.integration.bundler.world import World

_BLOB = re.compile(r'"GET /v2/\S+/blobs/sha256:([0-9a-f]{64})\S* HTTP/1\.1" 20[06] ')
_SETTLED = 0.1  # seconds after the last connection's end, for servers to write down what they did
_PATIENCE = 30  # seconds


@dataclass(frozen=True)
class Served:
    """A file as a server has it; ``url`` without what is different from one link to the next."""

    url: str
    digest: str
    size: int


@dataclass(frozen=True)
class Traffic:
    """Bytes of bodies by URL, questions for each of the registry's blobs, and bytes that its line carried."""

    sent: Mapping[str, int]
    asked_for: Mapping[str, int]
    carried: int
    connections: int


def files(world: World) -> tuple[Served, ...]:
    """All but the registry's."""
    return tuple(Served(url, sha256(content), len(content)) for url, content in _contents(world))


def blobs(world: World) -> tuple[Served, ...]:
    """The registry's, which asks for no URL here: only the digest counts."""
    found = (path for path in (world.registry.folder / "layout/blobs/sha256").iterdir())
    return tuple(Served("", path.name, path.stat().st_size) for path in found)


def so_far(world: World) -> Traffic:
    """Once nobody is connected to the registry any more, whose log has a line for what is over."""
    deadline = time.monotonic() + _PATIENCE
    while world.line.open:
        assert time.monotonic() < deadline, "a connection stays open"
        time.sleep(0.01)
    time.sleep(_SETTLED)
    asked = Counter(_BLOB.findall((world.registry.folder / "log").read_text()))
    return Traffic(_sent(world), asked, world.line.carried, world.line.connections)


def arrived(cache: Path, file: Served) -> int:
    """Bytes of ``file`` that a build need not ask for, in the cache or on the way into it."""
    if (cache / "sha256" / file.digest[:2] / file.digest).exists():
        return file.size
    keys = (file.digest, f"url-{hashlib.sha256(file.url.encode()).hexdigest()}")
    there = (cache / "partial" / key for key in keys)
    return max((path.stat().st_size for path in there if path.exists()), default=0)


def _contents(world: World) -> Iterator[tuple[str, bytes]]:
    for path, content in world.web.files.items():
        yield f"{world.web.url}{path}", content
    for digest, content in world.storage.objects.items():
        yield f"{world.storage.url}/{digest}", content
    hub = world.hubs["huggingface"]
    for commit, there in hub.repositories["org/tiny"].commits.items():
        for path, content in there.items():
            yield f"{hub.url}/org/tiny/resolve/{commit}/{path}", content


def _sent(world: World) -> Counter[str]:
    found: Counter[str] = Counter()
    with world.web.lock:
        for request in world.web.asked:
            found[f"{world.web.url}{request.path}"] += world.web.sent_to.get(request.number, 0)
    for host in (world.storage, *world.hubs.values()):
        with host.lock:
            for path, count in host.sent_of.items():
                found[f"{host.url}{path.partition('?')[0]}"] += count
    return found
