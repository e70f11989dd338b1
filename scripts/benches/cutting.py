"""`python -m benches.cutting STREAM CACHE`: a recorded `docker save` into an empty cache, as a build does it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bundler.cache import Cache
from bundler.sources.image.docker_save.cutting import cut

_PIECE = 2 << 20  # bytes, as they come from the daemon


def main(stream: Path, cache: Path) -> None:
    """Prints the bytes of the compressed layers."""
    parts = cut(_pieces(stream), Cache(cache), lambda _: None)
    print(sum(layer.blob.size for layer in parts.layers))


def _pieces(stream: Path) -> Iterator[bytes]:
    with stream.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            yield piece


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
