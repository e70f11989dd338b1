"""The sum of a fetch is known before its first byte, and what is here already counts at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bundler.cache import Cache
from bundler.progress import Advance, summing
from bundler.totals import Overall, with_total
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
    ended: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        self.begun.append((what, total, done))
        self.there[what] = done

        def advance(count: int) -> None:
            self.there[what] += count

        yield advance
        self.ended.append(what)


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


FILES = [Wanted(100, "a" * 64), Wanted(200, "b" * 64), Wanted(300, "c" * 64)]


def test_one_total_goes_over_all_stages_of_a_build(cache: Cache) -> None:
    cache.partials.mkdir(parents=True)
    (cache.partials / FILES[0].sha256).write_bytes(b"p" * 30)
    heard = Heard()
    with Overall(heard) as overall:
        overall.expect(FILES, cache)
        for stage in (FILES[:2], FILES[2:]):
            with with_total(stage, cache, overall) as meter:
                for file in stage:
                    with meter(file.sha256, file.size) as advance:
                        advance(file.size - cache.arrived(file.sha256))
        assert [begun for begun in heard.begun if begun[0] == "total"] == [("total", 600, 30)]
        assert heard.there["total"] == 600
        assert heard.ended[-2:] == ["total", FILES[2].sha256]  # with the last byte, before what follows


def test_what_no_total_was_told_of_does_not_move_it(cache: Cache) -> None:
    heard = Heard()
    with Overall(heard) as overall:
        overall.expect(FILES, cache)
        with overall("docker save", 5000) as advance:
            advance(5000)
        assert heard.there == {"total": 0, "docker save": 5000}
    assert heard.ended == ["docker save", "total"]


def test_what_comes_twice_is_not_counted_when_all_has_come(cache: Cache) -> None:
    heard = Heard()
    with Overall(heard) as overall:
        overall.expect(FILES, cache)
        with with_total(FILES, cache, overall) as meter, meter("x", 600) as advance:
            advance(600)
            advance(-600)
            advance(600)
        assert heard.there["total"] == 600


def test_a_stage_has_its_own_total_where_the_build_has_none(cache: Cache) -> None:
    heard = Heard()
    with Overall(heard) as overall:
        overall.expect(FILES[:1], cache)
        with with_total(FILES, cache, overall):
            assert heard.begun == [("total", 600, 0)]


def test_a_total_that_is_shown_stays_as_it_is(cache: Cache) -> None:
    heard = Heard()
    with Overall(heard) as overall:
        overall.expect(FILES[:2], cache)
        overall.expect(FILES, cache)
        assert heard.begun == [("total", 300, 0)]


def test_a_sum_without_an_end_begins_with_its_first_item() -> None:
    heard = Heard()
    with summing(heard, "packages") as meter:
        assert heard.begun == []
        for count in (5, 7):
            with meter("item", count) as advance:
                advance(count)
    assert heard.begun == [("packages", None, 0), ("item", 5, 0), ("item", 7, 0)]
    assert heard.there["packages"] == 12
    assert heard.ended == ["item", "item", "packages"]
