import gzip
import os

import pytest

from bundler.sources.image.layers.gunzip import Gunzip
from installer.errors import DamagedError


def unpacked(data: bytes, piece: int) -> list[bytes]:
    reader = Gunzip()
    found = [part for at in range(0, len(data), piece) for part in reader.feed(data[at : at + piece])]
    reader.demand_end()
    return found


@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_several_streams_in_a_row_are_one(piece: int) -> None:
    first, second = os.urandom(2000), b"text " * 2000
    assert b"".join(unpacked(gzip.compress(first) + gzip.compress(second), piece)) == first + second


def test_what_unpacks_to_much_comes_in_small_parts() -> None:
    parts = unpacked(gzip.compress(bytes(64 << 20)), 1 << 20)
    assert sum(map(len, parts)) == 64 << 20
    assert max(map(len, parts)) <= 1 << 20


def test_an_early_end_is_damage() -> None:
    with pytest.raises(DamagedError, match="ends early"):
        unpacked(gzip.compress(os.urandom(5000))[:-9], 1000)


def test_a_changed_byte_is_damage() -> None:
    data = bytearray(gzip.compress(b"text " * 2000))
    data[-6] ^= 1
    with pytest.raises(DamagedError, match="damaged"):
        unpacked(bytes(data), 1000)
