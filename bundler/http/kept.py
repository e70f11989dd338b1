"""A file that the cache has already: read once more, as the cache is a folder like any other."""

import hashlib

from bundler.cache import Cache, Stored
from bundler.http.wanted import Watch

_BUFFER = 1 << 20  # bytes


def see_again(cache: Cache, sha256: str, watch: Watch) -> Stored | None:
    """The entry, shown to a watcher; None where there is none, or was one that is damaged."""
    if sha256 not in cache:
        return None
    digest, watcher, size = hashlib.sha256(), watch(), 0
    buffer = memoryview(bytearray(_BUFFER))
    with cache.path(sha256).open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            watcher.feed(buffer[:count])
            size += count
    if digest.hexdigest() != sha256:
        cache.drop(sha256)
        return None
    cache.touch(sha256)
    return Stored(sha256, size)
