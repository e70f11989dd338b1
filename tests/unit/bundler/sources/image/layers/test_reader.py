import gzip
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bundler.sources.image.layers.reader import LayerReader
from bundler.sources.image.layers.unpacked import LayerRead
from installer.errors import DamagedError, RefusedError
from tests.unit.bundler.sources.image.docker_save.docker_streams import hex_digest, tar

METADATA = "usr/lib/python3.12/site-packages/vllm-0.7.0.dist-info/METADATA"
LAYER = tar({METADATA: b"x", "big": os.urandom(5 << 20), "etc/.wh.gone": b""})


@contextmanager
def reader() -> Iterator[LayerReader]:
    """Nothing of it may stay behind."""
    before = threading.active_count()
    reader = LayerReader("layer 1")
    try:
        yield reader
    finally:
        reader.close()
        assert threading.active_count() == before


def read(data: bytes, piece: int = 100_000) -> LayerRead:
    with reader() as one:
        for at in range(0, len(data), piece):
            one.feed(data[at : at + piece])
        return one.finish()


@pytest.mark.parametrize("piece", [1000, 65_537, 1 << 20, 10 << 20])
def test_a_layer_is_unpacked_hashed_and_looked_through_in_pieces_of_any_size(piece: int) -> None:
    found = read(gzip.compress(LAYER, mtime=0), piece)
    assert found.diff_id == f"sha256:{hex_digest(LAYER)}"
    assert [one.version for one in found.contents.found.values()] == ["0.7.0"]
    assert found.contents.hidden == {"big", "etc/gone"}


def test_first_bytes_may_come_one_by_one() -> None:
    packed = gzip.compress(LAYER)
    with reader() as one:
        for byte in packed[:10]:
            one.feed(bytes((byte,)))
        one.feed(memoryview(packed)[10:])
        assert one.finish().diff_id == f"sha256:{hex_digest(LAYER)}"


def test_a_piece_may_be_overwritten_once_it_was_fed() -> None:
    packed, buffer = gzip.compress(LAYER), bytearray(4096)
    with reader() as one:
        for at in range(0, len(packed), len(buffer)):
            part = packed[at : at + len(buffer)]
            buffer[: len(part)] = part
            one.feed(memoryview(buffer)[: len(part)])
        assert one.finish().diff_id == f"sha256:{hex_digest(LAYER)}"


def test_a_plain_layer_is_read_as_it_is() -> None:
    assert read(LAYER).diff_id == f"sha256:{hex_digest(LAYER)}"


def test_several_streams_in_a_row_are_one() -> None:
    packed = b"".join(gzip.compress(LAYER[at : at + 1_000_000]) for at in range(0, len(LAYER), 1_000_000))
    assert read(packed).diff_id == f"sha256:{hex_digest(LAYER)}"


def test_zstd_is_refused_in_words() -> None:
    with pytest.raises(RefusedError, match="layer 1 is compressed with zstd") as refused:
        read(b"\x28\xb5\x2f\xfd" + os.urandom(20 << 20))
    assert "compression=gzip,force-compression=true" in refused.value.hint


@pytest.mark.parametrize("end", [20, 1 << 20, -1])
def test_a_layer_that_ends_early_is_damaged(end: int) -> None:
    with pytest.raises(DamagedError, match="layer 1: cannot be unpacked"):
        read(gzip.compress(LAYER)[:end])


def test_damage_does_not_stop_who_feeds() -> None:
    packed = gzip.compress(LAYER)
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        read(packed[:3_000_000] + os.urandom(30 << 20))


def test_what_is_no_tar_is_damage_and_stops_nobody() -> None:
    with pytest.raises(DamagedError, match="not a tar"):
        read(gzip.compress((b"\xff" * 124 + b"not a size.." + b"x" * 376) * 100_000))


def test_a_reader_may_be_given_up_at_any_time() -> None:
    with reader() as one:
        one.feed(gzip.compress(LAYER)[: 2 << 20])
    with reader():
        pass


def test_no_exit_of_the_program_waits_for_a_reader() -> None:
    before = set(threading.enumerate())
    with reader():
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)
