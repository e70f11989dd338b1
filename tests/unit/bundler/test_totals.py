"""The sum of a fetch is known before its first byte, and what is here already counts at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bundler.cache import Cache
from bundler.progress import Advance
from bundler.totals import with_total
from tests.unit.bundler.making import put


@dataclass(frozen=True)
class Wanted:
    size: int
    sha256: str = ""


@dataclass
class Heard:
    """A Meter that remembers how every item began and how far it came."""

    begun: list[tuple[str, int | None, int]] = field(default_factory=list)
    there: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        self.begun.append((what, total, done))
        self.there[what] = done

        def advance(count: int) -> None:
            self.there[what] += count

        yield advance


def test_what_the_cache_has_whole_or_in_part_is_done_from_the_start(cache: Cache) -> None:
    whole = put(cache, b"w" * 100)
    cache.partials.mkdir(parents=True)
    (cache.partials / ("a" * 64)).write_bytes(b"p" * 30)
    heard = Heard()
    files = [Wanted(100, whole.sha256), Wanted(200, "a" * 64), Wanted(300)]
    with with_total(files, cache, heard) as meter:
        assert heard.begun == [("total", 600, 130)]
        with meter("part", 200, done=30) as advance:
            advance(170)
        with meter("new", 300) as advance:
            advance(300)
    assert heard.there == {"total": 600, "part": 200, "new": 300}


def test_the_same_bytes_count_once(cache: Cache) -> None:
    heard = Heard()
    with with_total([Wanted(5, "a" * 64), Wanted(5, "a" * 64), Wanted(7, "b" * 64)], cache, heard):
        assert heard.begun == [("total", 12, 0)]


def test_a_partial_file_that_is_too_long_does_not_count_for_others(cache: Cache) -> None:
    cache.partials.mkdir(parents=True)
    (cache.partials / ("a" * 64)).write_bytes(b"p" * 30)
    heard = Heard()
    with with_total([Wanted(5, "a" * 64), Wanted(7, "b" * 64)], cache, heard):
        assert heard.begun == [("total", 12, 5)]


def test_one_file_or_nothing_left_to_do_needs_no_sum(cache: Cache) -> None:
    there = [put(cache, content) for content in (b"one", b"two")]
    for files in ([], [Wanted(5, "a" * 64)], [Wanted(one.size, one.sha256) for one in there]):
        heard = Heard()
        with with_total(files, cache, heard) as meter, meter("item", 5):
            pass
        assert heard.begun == [("item", 5, 0)]
