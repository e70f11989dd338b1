"""Bytes on the disk, bytes that come, and what watchers see of both."""

import hashlib
from collections.abc import Iterator

import pytest

from bundler.cache import Cache
from bundler.http.reception import Reception
from bundler.partials import Partial, holding

OLD, NEW = b"0123456789", b"0123xxxxxxyy"


class Seen:
    """Remembers what it saw."""

    def __init__(self) -> None:
        self.content = b""

    def feed(self, piece: bytes | memoryview) -> None:
        self.content += bytes(piece)


class Shown:
    """What a bar shows: the bytes on the disk."""

    def __init__(self, count: int) -> None:
        self.count = count

    def advance(self, count: int) -> None:
        self.count += count


@pytest.fixture
def partial(cache: Cache) -> Iterator[Partial]:
    with holding(cache, "key", lambda: None) as partial:
        partial.append(memoryview(OLD))
        yield partial


def take(reception: Reception, content: bytes) -> None:
    for start in range(0, len(content), 3):
        reception.take(memoryview(content)[start : start + 3])


def test_what_is_on_the_disk_counts_as_seen(partial: Partial) -> None:
    made: list[Seen] = []

    def watch() -> Seen:
        made.append(Seen())
        return made[-1]

    shown = Shown(partial.size)
    reception = Reception(partial, watch, shown.advance)
    reception.catch_up()
    take(reception, b"ABC")
    assert [seen.content for seen in made] == [OLD + b"ABC"]
    assert reception.sha256 == hashlib.sha256(OLD + b"ABC").hexdigest()
    assert partial.read(0, 99) == OLD + b"ABC"
    assert shown.count == partial.size == 13


def test_the_same_from_the_start_is_not_written_again(partial: Partial) -> None:
    shown = Shown(partial.size)
    reception = Reception(partial, Seen, shown.advance)
    reception.catch_up()
    reception.rewind()
    take(reception, OLD[:6])
    assert (partial.size, reception.position, shown.count) == (10, 6, 10)
    reception.catch_up()
    assert reception.sha256 == hashlib.sha256(OLD).hexdigest()


def test_the_first_byte_that_differs_ends_what_is_kept(partial: Partial) -> None:
    shown = Shown(partial.size)
    reception = Reception(partial, Seen, shown.advance)
    reception.catch_up()
    reception.rewind()
    take(reception, NEW)
    assert partial.read(0, 99) == NEW
    assert reception.sha256 == hashlib.sha256(NEW).hexdigest()
    assert shown.count == partial.size


def test_starting_over_keeps_nothing(partial: Partial) -> None:
    shown = Shown(partial.size)
    reception = Reception(partial, Seen, shown.advance)
    reception.start_over()
    assert (partial.size, shown.count) == (0, 0)
    take(reception, NEW)
    assert reception.sha256 == hashlib.sha256(NEW).hexdigest()
    assert reception.is_of_one_piece
