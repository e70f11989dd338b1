import pytest

from bundler.sources.image.docker_save.byte_stream import ByteStream
from installer.errors import DamagedError

PIECES = (b"abc", b"", b"defgh", b"i")


def test_lengths_need_not_be_those_of_the_pieces() -> None:
    stream = ByteStream(PIECES)
    assert [stream.take(count) for count in (2, 4, 0, 3)] == [b"ab", b"cdef", b"", b"ghi"]
    assert stream.position == 9


def test_blocks_have_one_size_but_for_the_last() -> None:
    assert list(ByteStream(PIECES).blocks(9, 4)) == [b"abcd", b"efgh", b"i"]
    assert list(ByteStream(PIECES).blocks(0, 4)) == []


def test_skipping_goes_to_a_position() -> None:
    stream = ByteStream(PIECES)
    stream.skip_to(5)
    assert stream.take(2) == b"fg"
    stream.skip_to(3)  # lies behind
    assert stream.take(1) == b"h"


def test_a_stream_that_ends_early_is_damaged() -> None:
    with pytest.raises(DamagedError, match="after 9 bytes"):
        ByteStream(PIECES).take(10)
