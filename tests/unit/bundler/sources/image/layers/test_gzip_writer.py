import gzip
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from bundler.sources.image.layers.gzip_writer import BLOCK, GzipWriter


def compressed(data: bytes, workers: int) -> bytes:
    found: list[bytes] = []

    def take(piece: bytes) -> int:
        found.append(piece)
        return len(piece)

    with ThreadPoolExecutor(workers) as pool:
        writer = GzipWriter(take, pool)
        for at in range(0, len(data), BLOCK):
            writer.write(data[at : at + BLOCK])
        writer.finish()
    return b"".join(found)


def text(size: int) -> bytes:
    return b"".join(b"line %d of some text\n" % number for number in range(size // 16))[:size]


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 20 * BLOCK + 7])
def test_gzip_gives_back_what_went_in(size: int) -> None:
    data = text(size)
    assert gzip.decompress(compressed(data, 2)) == data


def test_random_data_comes_back_too() -> None:
    data = os.urandom(3 * BLOCK + 5)
    assert gzip.decompress(compressed(data, 2)) == data


def test_the_bytes_do_not_depend_on_the_number_of_workers() -> None:
    data = text(12 * BLOCK)
    assert compressed(data, 1) == compressed(data, 2) == compressed(data, 5)


def test_it_is_one_stream_that_names_no_file_and_no_time() -> None:
    made = compressed(text(4 * BLOCK), 2)
    reader = zlib.decompressobj(wbits=31)
    reader.decompress(made)
    assert reader.eof
    assert reader.unused_data == b""
    assert made[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_blocks_know_the_text_before_them() -> None:
    """A repeated block of noise shrinks only where the compressor may look back beyond its start."""
    noise = os.urandom(8 << 10)
    assert len(compressed(noise * (4 * BLOCK // len(noise)), 2)) < BLOCK  # 1.8 of it without


def test_an_error_of_the_sink_reaches_the_writer() -> None:
    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="No space"):
        GzipWriter(full, pool)
