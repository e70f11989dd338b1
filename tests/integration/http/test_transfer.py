"""One file from one server, which does everything that servers do: right bytes in the cache, or an error in words."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.suspicion import EMPTY
from bundler.http.transfer import Wanted, transfer
from bundler.partials import holding, partial_key
from bundler.progress import Advance, unwatched
from installer.errors import DamagedError, EnvironmentProblemError, RefusedError, UnreachableError
from tests.fakes.web import Reply, Request, Web, by_the_book
from tests.integration.http.getting import (
    CONTENT,
    DIGEST,
    OTHER,
    SIZE,
    cut_after,
    first,
    get,
    partial_files,
    saying,
    watching,
    whole_files,
)

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>"


@pytest.fixture
def url(web: Web) -> str:
    web.files["/file"] = CONTENT
    return f"{web.url}/file"


@pytest.fixture
def pinned(url: str) -> Wanted:
    return Wanted("file", (url,), DIGEST, SIZE)


@pytest.fixture
def unknown(url: str) -> Wanted:
    return Wanted("file", (url,))


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_cut_is_gone_on_with_where_it_was(
    web: Web, client: Client, cache: Cache, pinned: Wanted, *, abruptly: bool
) -> None:
    web.alter = first(lambda _, reply: replace(reply, cut=100_000, abruptly=abruptly))
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE
    assert web.asked[1].headers["range"] == "bytes=100000-"
    assert partial_files(cache) == []


def test_the_first_byte_may_be_the_last(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.alter = first(cut_after(1))
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE


def test_an_unknown_file_is_gone_on_with_only_if_it_is_still_the_same(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    web.alter = first(cut_after(100_000))
    assert get(client, cache, unknown) == CONTENT
    assert web.asked[1].headers["if-range"].startswith('"')
    assert web.sent == SIZE


def test_last_modified_does_where_there_is_no_tag(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    web.alter = lambda request, reply: first(cut_after(100_000))(request, reply.saying(etag=None))
    assert get(client, cache, unknown) == CONTENT
    assert web.asked[1].headers["if-range"].endswith("GMT")
    assert web.sent == SIZE


def test_a_weak_tag_vouches_for_no_byte(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    weak = saying(etag='W/"x"', last_modified=None)
    web.alter = lambda request, reply: first(cut_after(100_000))(request, weak(request, reply))
    assert get(client, cache, unknown) == CONTENT
    assert "range" not in web.asked[1].headers


def test_a_file_that_changes_half_way_starts_over(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    def changing(request: Request, reply: Reply) -> Reply:
        web.files["/file"] = OTHER
        return replace(reply, cut=100_000) if request.number == 1 else reply

    web.alter = changing
    assert get(client, cache, unknown) == OTHER


def test_a_changed_tag_is_seen_where_if_range_is_not_understood(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    def changing(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=100_000)
        if start := request.headers.get("range", "")[6:-1]:
            ours = {"etag": '"new"', "content-range": f"bytes {start}-{SIZE - 1}/{SIZE}"}
            return Reply(206, ours, OTHER[int(start) :])
        return Reply(200, {"etag": '"new"'}, OTHER)

    web.alter = changing
    assert get(client, cache, unknown) == OTHER


def test_the_whole_under_the_name_of_a_part_is_not_taken(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    """Some servers get the headers of a part right, and send the file from its first byte on."""

    def alter(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=100_000)
        return replace(reply, body=CONTENT) if request.number == 2 else reply

    web.alter = alter
    assert get(client, cache, unknown) == CONTENT


def test_a_part_of_a_file_of_another_length_is_not_added(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    """The server does not understand If-Range, and gives a tag with the whole only."""
    changed = OTHER + b"and more"

    def changing(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=100_000)
        if start := request.headers.get("range", "")[6:-1]:
            said = {"content-range": f"bytes {start}-{len(changed) - 1}/{len(changed)}"}
            return Reply(206, said, changed[int(start) :])
        return Reply(200, {"etag": '"new"'}, changed)

    web.alter = changing
    assert get(client, cache, unknown) == changed


def test_a_known_digest_judges_whatever_the_tags_say(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    """Servers behind one name may each give the same bytes another tag."""
    web.alter = lambda request, reply: replace(
        reply.saying(etag=f'"{request.number}"'), cut=100_000 if request.number < 3 else None
    )
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE


@pytest.mark.parametrize("knows", ["pinned", "unknown"])
def test_a_server_without_ranges_sends_the_whole_again(
    web: Web, client: Client, cache: Cache, knows: str, request: pytest.FixtureRequest
) -> None:
    wanted = request.getfixturevalue(knows)
    web.alter = lambda request, _: replace(Reply(200, {}, CONTENT), cut=100_000 if request.number == 1 else None)
    made, watch = watching()
    stored = transfer(wanted, client, cache, unwatched, watch)
    assert stored.sha256 == DIGEST
    assert made[-1].content == CONTENT


def test_a_server_without_ranges_that_always_cuts_is_given_up(
    web: Web, client: Client, cache: Cache, pinned: Wanted, pauses: list[float]
) -> None:
    """Bytes that were there before are no progress."""
    web.alter = lambda _request, _reply: Reply(200, {}, CONTENT, cut=100_000)
    with pytest.raises(UnreachableError, match="the connection was cut"):
        get(client, cache, pinned)
    assert len(web.asked) == 6
    assert len(pauses) == 5


def test_416_means_that_all_is_there(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    """As after a kill between the last byte and the rename."""
    web.alter = first(cut_after(SIZE - 1))
    with pytest.raises(InterruptedError):
        transfer(unknown, client, cache, unwatched, lambda: Stopping(SIZE - 1))
    (partial,) = partial_files(cache)
    partial.write_bytes(CONTENT)
    assert get(client, cache, unknown) == CONTENT
    assert web.sent == SIZE - 1


class Stopping:
    """A watcher whose run is ended after so many bytes."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def feed(self, piece: bytes | memoryview) -> None:
        self._left -= len(piece)
        if self._left <= 0:
            raise InterruptedError


def begun(cache: Cache, url: str, count: int) -> None:
    """What an earlier run left of a file with a known digest."""
    with holding(cache, partial_key(DIGEST, url), lambda: None) as partial:
        partial.append(memoryview(CONTENT)[:count])


NO_MORE = (Reply(416), Reply(416, {"content-range": "bytes */*"}), Reply(416, {"content-range": "bytes */1000"}))


@pytest.mark.parametrize("size", [None, SIZE])
@pytest.mark.parametrize("no_more", NO_MORE)
def test_one_416_does_not_cost_what_has_come(
    web: Web, client: Client, cache: Cache, url: str, size: int | None, no_more: Reply
) -> None:
    """RFC 9110, section 15.5.17: a server should say the length. One that does not, or lies, may do better again."""
    begun(cache, url, 200_000)
    web.alter = first(lambda _request, _reply: no_more)
    assert get(client, cache, Wanted("file", (url,), DIGEST, size)) == CONTENT
    assert [request.headers.get("range") for request in web.asked] == ["bytes=200000-"] * 2
    assert web.sent == SIZE - 200_000


@pytest.mark.parametrize("size", [None, SIZE])
@pytest.mark.parametrize("no_more", NO_MORE)
def test_who_has_416_for_every_range_is_asked_for_the_whole(
    web: Web, client: Client, cache: Cache, url: str, size: int | None, no_more: Reply
) -> None:
    begun(cache, url, 200_000)
    web.alter = lambda request, reply: no_more if "range" in request.headers else reply
    assert get(client, cache, Wanted("file", (url,), DIGEST, size)) == CONTENT
    assert [request.headers.get("range") for request in web.asked] == ["bytes=200000-"] * 2 + [None]


@pytest.mark.parametrize("size", [None, SIZE])
def test_who_has_416_for_everything_is_given_up_and_what_has_come_stays(
    web: Web, client: Client, cache: Cache, url: str, size: int | None
) -> None:
    begun(cache, url, 200_000)
    web.alter = lambda _request, _reply: Reply(416)
    with pytest.raises(UnreachableError, match="no byte after the first 200000"):
        get(client, cache, Wanted("file", (url,), DIGEST, size))
    assert len(web.asked) == 6
    (partial,) = partial_files(cache)
    assert partial.read_bytes() == CONTENT[:200_000]


def test_a_cut_whole_after_416_does_not_cost_what_has_come(web: Web, client: Client, cache: Cache, url: str) -> None:
    begun(cache, url, 200_000)

    def alter(request: Request, reply: Reply) -> Reply:
        return Reply(416) if request.number < 3 else replace(reply, cut=1000) if request.number == 3 else reply

    web.alter = alter
    assert get(client, cache, Wanted("file", (url,), DIGEST)) == CONTENT
    assert web.asked[-1].headers["range"] == "bytes=200000-"


def test_416_alone_does_not_make_a_cut_file_whole(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    """Nobody knows the digest, and the body ended where the connection did."""
    cut = Reply(200, {}, CONTENT, cut=100_000, framing="close")
    web.alter = lambda request, _reply: (cut, Reply(416), Reply(200, {}, CONTENT))[min(request.number, 3) - 1]
    assert get(client, cache, unknown) == CONTENT


def test_a_body_without_a_length_is_whole_where_nobody_can_say_more(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    close = Reply(200, {}, CONTENT, framing="close")
    web.alter = lambda request, _reply: Reply(416) if "range" in request.headers else close
    assert get(client, cache, unknown) == CONTENT


@pytest.mark.parametrize("validators", [{}, {"etag": '"same"'}])
def test_a_cut_body_without_a_length_is_not_confirmed_by_a_longer_one(
    web: Web, client: Client, cache: Cache, unknown: Wanted, validators: dict[str, str]
) -> None:
    """The server knows no ranges, so that the second answer is the whole again: it is read to its end."""
    close = Reply(200, validators, CONTENT, framing="close")
    web.alter = lambda request, _reply: replace(close, cut=100_000) if request.number == 1 else close
    assert get(client, cache, unknown) == CONTENT
    assert len(web.asked) == 3


def test_bodies_without_a_length_that_never_agree_are_given_up(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    web.alter = lambda request, _reply: Reply(200, {}, bytes([request.number]) * 1000, framing="close")
    with pytest.raises(UnreachableError, match="1000 bytes came, and 1000 others before"):
        get(client, cache, unknown)
    assert len(web.asked) < 20
    assert whole_files(cache) == []


def test_a_body_that_became_shorter_is_taken_as_it_is_now(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    close = Reply(200, {}, CONTENT, framing="close")
    web.alter = lambda request, _reply: close if request.number == 1 else replace(close, body=CONTENT[:1000])
    assert get(client, cache, unknown) == CONTENT[:1000]


def test_what_an_unknown_file_was_before_is_found_out_after_416(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    """It became shorter and kept its tag."""
    web.alter = first(lambda _, reply: replace(reply.saying(etag='"same"'), cut=200_000))
    with pytest.raises(InterruptedError):
        transfer(unknown, client, cache, unwatched, lambda: Stopping(200_000))
    web.files["/file"] = OTHER[:1000]
    web.alter = lambda _, reply: reply.saying(etag='"same"')
    assert get(client, cache, unknown) == OTHER[:1000]


def test_what_lies_behind_the_last_byte_is_not_taken(web: Web, client: Client, cache: Cache, url: str) -> None:
    """A server without ranges sends the file again, of which the disk has too much."""
    with holding(cache, partial_key(DIGEST, url), lambda: None) as partial:
        partial.append(memoryview(CONTENT + b"more"))
    web.alter = lambda _request, _reply: Reply(200, {}, CONTENT)
    assert get(client, cache, Wanted("file", (url,), DIGEST)) == CONTENT


def test_a_file_that_is_shorter_than_expected_is_not_taken_for_a_416(
    web: Web, client: Client, cache: Cache, url: str
) -> None:
    """Its length is known, its digest is not."""
    web.alter = lambda request, reply: (
        replace(reply, cut=1000) if request.number == 1 else Reply(416, {"content-range": "bytes */1000"})
    )
    with pytest.raises(UnreachableError, match="no byte after the first 1000"):
        get(client, cache, Wanted("file", (url,), size=SIZE))
    assert whole_files(cache) == []


def test_wrong_parts_count_only_in_a_row(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    """One of several servers behind a name lies; the whole is not asked for because of that."""

    def alter(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=50_000)
        return Reply(416) if request.number % 2 else replace(reply, cut=50_000)

    web.alter = alter
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE


@pytest.mark.parametrize("size", [None, SIZE])
def test_a_partial_file_that_is_too_long_starts_over(
    web: Web, client: Client, cache: Cache, url: str, size: int | None
) -> None:
    with holding(cache, partial_key(DIGEST, url), lambda: None) as partial:
        partial.append(memoryview(CONTENT + b"more"))
    assert get(client, cache, Wanted("file", (url,), DIGEST, size)) == CONTENT


@pytest.mark.parametrize(
    "lie",
    [
        f"bytes 0-{SIZE - 1}/{SIZE}",
        f"bytes 99999-{SIZE - 1}/{SIZE}",
        f"bytes 100000-{SIZE - 1}/{SIZE + 1}",
        f"bytes 100000-{SIZE}/{SIZE}",
        "bytes 100000-99999/300000",
        f"bytes */{SIZE}",
        "bytes 100000",
        "pages 1-2/3",
        None,
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_taken(
    web: Web, client: Client, cache: Cache, pinned: Wanted, lie: str | None
) -> None:
    def lying(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=100_000)
        return reply.saying(content_range=lie) if request.number == 2 else reply

    web.alter = lying
    assert get(client, cache, pinned) == CONTENT
    assert web.asked[2].headers["range"] == "bytes=100000-"


def test_a_server_that_only_sends_wrong_parts_is_asked_for_the_whole(
    web: Web, client: Client, cache: Cache, pinned: Wanted
) -> None:
    web.alter = lambda request, reply: (
        replace(reply, cut=100_000) if request.number == 1 else reply.saying(content_range="bytes 0-9/10")
    )
    assert get(client, cache, pinned) == CONTENT
    assert "range" not in web.asked[-1].headers


def test_wrong_bytes_in_a_part_cost_one_more_start(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.alter = lambda request, reply: (
        replace(reply, cut=100_000)
        if request.number == 1
        else replace(reply, body=OTHER[:200_000])
        if request.number == 2
        else reply
    )
    assert get(client, cache, pinned) == CONTENT


def test_a_wrong_digest_names_both_and_leaves_nothing(web: Web, client: Client, cache: Cache, url: str) -> None:
    web.files["/file"] = OTHER
    with pytest.raises(DamagedError, match=rf"{hashlib.sha256(OTHER).hexdigest()}, expected {DIGEST}") as caught:
        get(client, cache, Wanted("driver", (url,), DIGEST))
    assert str(caught.value).startswith(f"driver: {url} has sha256")
    assert caught.value.hint
    assert (whole_files(cache), partial_files(cache)) == ([], [])
    assert len(web.asked) == 1


def test_the_digest_of_nothing_is_named(web: Web, client: Client, cache: Cache, url: str) -> None:
    web.files["/file"] = b""
    with pytest.raises(DamagedError, match="the first is that of an empty file"):
        get(client, cache, Wanted("file", (url,), DIGEST))
    web.files["/file"] = CONTENT
    with pytest.raises(DamagedError, match="the second is that of an empty file"):
        get(client, cache, Wanted("file", (url,), EMPTY, SIZE))


def test_an_empty_file_is_right_where_it_is_expected(web: Web, client: Client, cache: Cache, url: str) -> None:
    web.files["/file"] = b""
    assert get(client, cache, Wanted("file", (url,), EMPTY)) == b""
    assert get(client, cache, Wanted("file", (url,), size=0)) == b""
    with pytest.raises(RefusedError, match="is empty"):
        get(client, cache, Wanted("file", (url,)))


def test_a_web_page_is_named(web: Web, client: Client, cache: Cache, url: str) -> None:
    web.files["/file"] = PAGE
    with pytest.raises(DamagedError, match=r"a web page \(HTML\)"):
        get(client, cache, Wanted("file", (url,), DIGEST))
    with pytest.raises(DamagedError, match=rf"speaks of {len(PAGE)} bytes, and sends a web page"):
        get(client, cache, Wanted("file", (url,), DIGEST, SIZE))
    with pytest.raises(RefusedError, match=r"a web page \(HTML\), no file"):
        get(client, cache, Wanted("file", (url,)))
    assert whole_files(cache) == []


def test_a_web_page_that_is_wanted_is_taken(web: Web, client: Client, cache: Cache, url: str) -> None:
    web.files["/file"] = PAGE
    assert get(client, cache, Wanted("file", (url,), hashlib.sha256(PAGE).hexdigest())) == PAGE


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_login_page_half_way_does_not_cost_what_has_come(
    web: Web, client: Client, cache: Cache, url: str, framing: str
) -> None:
    def alter(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return replace(reply, cut=200_000)
        return Reply(200, {}, PAGE, framing=framing) if request.number < 4 else reply

    web.alter = alter
    assert get(client, cache, Wanted("file", (url,), DIGEST)) == CONTENT
    assert web.asked[-1].headers["range"] == "bytes=200000-"


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("knows", ["pinned", "unknown"])
def test_a_body_without_a_length_is_taken(
    web: Web, client: Client, cache: Cache, knows: str, framing: str, request: pytest.FixtureRequest
) -> None:
    web.alter = lambda _, reply: replace(reply, framing=framing) if reply.status == 200 else reply
    assert get(client, cache, request.getfixturevalue(knows)) == CONTENT
    assert web.sent == SIZE


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("knows", ["pinned", "unknown"])
def test_a_body_without_a_length_that_was_cut_is_gone_on_with(
    web: Web, client: Client, cache: Cache, knows: str, framing: str, request: pytest.FixtureRequest
) -> None:
    """The end of the connection looks the same as the end of the file."""
    web.alter = first(lambda _, reply: replace(reply, framing=framing, cut=100_000))
    assert get(client, cache, request.getfixturevalue(knows)) == CONTENT
    assert web.sent == SIZE


def test_a_body_without_a_length_from_a_server_without_ranges_is_taken(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    web.alter = lambda _request, _reply: Reply(200, {}, CONTENT, framing="close")
    assert get(client, cache, unknown) == CONTENT


def test_a_length_that_is_said_later_counts(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    """The first answer was cut and nobody could tell; the second says so."""
    cut = Reply(200, {}, CONTENT, cut=100_000, framing="close")
    web.alter = lambda request, _: cut if request.number == 1 else Reply(200, {}, CONTENT)
    assert get(client, cache, unknown) == CONTENT


def test_old_bytes_on_the_disk_do_not_spoil_the_new_ones(web: Web, client: Client, cache: Cache, url: str) -> None:
    """They are the right ones up to where the second answer is cut, and wrong behind that."""
    with holding(cache, DIGEST, lambda: None) as partial:
        partial.append(memoryview(CONTENT[:200_000] + OTHER[:100_000]))
    web.alter = first(lambda _request, _reply: Reply(200, {}, CONTENT, cut=100_000))
    assert get(client, cache, Wanted("file", (url,), DIGEST)) == CONTENT


@pytest.mark.parametrize("length", [SIZE - 1000, SIZE + 1000])
def test_a_length_that_is_wrong_once_is_survived(
    web: Web, client: Client, cache: Cache, pinned: Wanted, length: int
) -> None:
    def lying(_request: Request, reply: Reply) -> Reply:
        return replace(reply.saying(content_length=str(length)), cut=min(length, SIZE))

    web.alter = first(lying)
    assert get(client, cache, pinned) == CONTENT


def test_a_length_that_is_too_long_for_an_unknown_file_is_corrected_by_the_server(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    web.alter = first(lambda _, reply: replace(reply.saying(content_length=str(SIZE + 1000)), cut=SIZE))
    assert get(client, cache, unknown) == CONTENT
    assert web.sent == SIZE


def test_another_length_than_expected_is_damage_if_it_lasts(web: Web, client: Client, cache: Cache, url: str) -> None:
    with pytest.raises(DamagedError, match=f"speaks of {SIZE} bytes, {SIZE + 5} are expected"):
        get(client, cache, Wanted("file", (url,), DIGEST, SIZE + 5))


def test_nonsense_for_a_length_counts_as_none(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.alter = first(lambda _, reply: replace(reply.saying(content_length="many"), framing="close"))
    assert get(client, cache, pinned) == CONTENT


def test_a_packed_body_is_never_taken(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    packed = Reply(200, {"content-encoding": "gzip"}, gzip.compress(CONTENT))
    web.alter = first(lambda _request, _reply: packed)
    assert get(client, cache, pinned) == CONTENT
    assert {request.headers["accept-encoding"] for request in web.asked} == {"identity"}
    web.alter = lambda _request, _reply: packed
    with pytest.raises(UnreachableError, match=r"comes packed \('gzip'\)"):
        get(client, cache, replace(pinned, sha256=hashlib.sha256(OTHER).hexdigest()))


def test_what_stands_behind_a_question_mark_is_in_no_error(web: Web, client: Client, cache: Cache) -> None:
    wanted = Wanted("file", (f"{web.url}/none?token=geheim",))
    with pytest.raises(UnreachableError) as caught:
        get(client, cache, wanted)
    assert "geheim" not in str(caught.value)
    web.files["/empty?token=geheim"] = b""
    with pytest.raises(RefusedError, match="is empty") as refused:
        get(client, cache, Wanted("file", (f"{web.url}/empty?token=geheim",)))
    assert "geheim" not in str(refused.value)


def test_silence_counts_as_a_cut(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.alter = first(lambda _, reply: replace(reply, stall=100_000))
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE


@pytest.mark.parametrize(
    ("status", "wish", "pause"),
    [
        (429, "7", 7.5),
        (503, "7", 7.5),
        (503, "Fri, 15 Jan 2027 08:01:00 GMT", 60.5),
        (429, "soon", 30.5),
        (503, "soon", 0.375),
    ],
)
def test_a_busy_server_is_left_alone_as_long_as_it_wants(  # noqa: PLR0913,PLR0917 # fixtures
    web: Web, client: Client, cache: Cache, pinned: Wanted, pauses: list[float], status: int, wish: str, pause: float
) -> None:
    web.alter = first(lambda _request, _reply: Reply(status, {"retry-after": wish}))
    assert get(client, cache, pinned) == CONTENT
    assert pauses == [pause]


@pytest.mark.parametrize(("status", "pause"), [(429, 123.5), (503, 0.375)])
def test_who_asked_too_often_waits_until_the_count_begins_anew(  # noqa: PLR0913,PLR0917 # fixtures
    web: Web, client: Client, cache: Cache, pinned: Wanted, pauses: list[float], status: int, pause: float
) -> None:
    web.alter = first(lambda _request, _reply: Reply(status, {"ratelimit": '"resolvers";r=0;t=123'}))
    assert get(client, cache, pinned) == CONTENT
    assert pauses == [pause]


def test_a_server_that_drips_counts_as_silent(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    """Half a second of silence is too much in this test, so is less than 512 bytes in that time."""
    web.alter = first(lambda _, reply: replace(reply, drip=0.02))
    assert get(client, cache, pinned) == CONTENT
    assert len(web.asked) == 2


def test_a_server_that_wants_hours_ends_the_run(
    web: Web, client: Client, cache: Cache, pinned: Wanted, pauses: list[float]
) -> None:
    web.alter = lambda _request, _reply: Reply(429, {"retry-after": "21600"})
    with pytest.raises(UnreachableError, match=r"answered 429 .*left alone for 360 minutes"):
        get(client, cache, pinned)
    assert pauses == []


def test_a_long_pause_is_said(web: Web, client: Client, cache: Cache, pinned: Wanted, told: list[str]) -> None:
    web.alter = first(lambda _request, _reply: Reply(503, {"retry-after": "30"}))
    get(client, cache, pinned)
    assert len(told) == 1
    assert told[0].startswith(f"file: {pinned.urls[0]}: the server answered 503")
    assert told[0].endswith("trying again in 30 s")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_asked_for_again(web: Web, client: Client, cache: Cache, pinned: Wanted, status: int) -> None:
    web.alter = lambda _request, _reply: Reply(status)
    with pytest.raises(UnreachableError, match=f"/file: the server answered {status}") as caught:
        get(client, cache, pinned)
    assert caught.value.hint
    assert len(web.asked) == 1


def test_what_a_failed_run_left_is_not_asked_for_again(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.alter = lambda request, reply: replace(reply, cut=200_000) if request.number == 1 else Reply(500)
    with pytest.raises(UnreachableError):
        get(client, cache, pinned)
    (partial,) = partial_files(cache)
    assert partial.stat().st_size == 200_000
    web.alter = lambda _, reply: reply
    assert get(client, cache, pinned) == CONTENT
    assert web.sent == SIZE


def test_the_bar_of_a_resumed_transfer_starts_where_it_was(
    web: Web, client: Client, cache: Cache, pinned: Wanted
) -> None:
    with holding(cache, DIGEST, lambda: None) as partial:
        partial.append(memoryview(CONTENT)[:100_000])
    meter = Metered()
    transfer(pinned, client, cache, meter)
    assert (meter.total, meter.done, meter.advanced) == (SIZE, 100_000, 200_000)


class Metered:
    """A meter that adds up."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.done = self.advanced = 0

    @contextmanager
    def __call__(self, _what: str, total: int | None, /, *, done: int = 0) -> Iterator[Advance]:
        self.total, self.done = total, done
        yield self._advance

    def _advance(self, count: int) -> None:
        self.advanced += count


def test_a_watcher_sees_every_byte_once_and_in_order(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    with holding(cache, DIGEST, lambda: None) as partial:
        partial.append(memoryview(CONTENT)[:50_000])
    web.alter = first(cut_after(100_000))
    made, watch = watching()
    transfer(pinned, client, cache, unwatched, watch)
    assert [seen.content for seen in made] == [CONTENT]
    transfer(pinned, client, cache, unwatched, watch)
    assert made[-1].content == CONTENT
    assert web.sent == SIZE - 50_000


def test_a_damaged_entry_of_the_cache_is_fetched_again(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    get(client, cache, pinned)
    cache.path(DIGEST).write_bytes(OTHER)
    assert get(client, cache, pinned) == CONTENT


def test_the_same_unknown_file_does_not_come_twice(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    """As after a kill before the digest was written down, or for an update of what has not changed."""
    get(client, cache, unknown)
    assert get(client, cache, unknown) == CONTENT
    assert web.sent == SIZE
    web.files["/file"] = OTHER
    assert get(client, cache, unknown) == OTHER


def test_a_remembered_file_that_was_damaged_comes_again(
    web: Web, client: Client, cache: Cache, unknown: Wanted
) -> None:
    get(client, cache, unknown)
    cache.path(DIGEST).write_bytes(OTHER)
    assert get(client, cache, unknown) == CONTENT


def test_two_runs_that_want_the_same_file_fetch_it_once(
    web: Web, client: Client, cache: Cache, pinned: Wanted, told: list[str]
) -> None:
    go_on = threading.Event()

    def waiting(_request: Request, reply: Reply) -> Reply:
        go_on.wait(5)
        return reply

    web.alter = first(waiting)
    threads = [threading.Thread(target=get, args=(client, cache, pinned)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(told) < 3:
        threads[0].join(0.01)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert web.sent == SIZE
    assert cache.path(DIGEST).read_bytes() == CONTENT
    assert set(told) == {"file: another run is fetching it, waiting for that"}


def test_a_second_mirror_goes_on_where_the_first_ended(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.files["/mirror"] = CONTENT
    web.alter = lambda request, reply: (
        reply if request.path == "/mirror" else replace(reply, cut=100_000) if request.number == 1 else Reply(502)
    )
    assert get(client, cache, replace(pinned, urls=(*pinned.urls, f"{web.url}/mirror"))) == CONTENT
    assert web.sent == SIZE


def test_a_file_that_changed_since_an_earlier_run_is_told_to_come_anew(
    web: Web, client: Client, cache: Cache, unknown: Wanted, told: list[str]
) -> None:
    web.alter = lambda request, reply: replace(reply, cut=100_000) if request.number == 1 else Reply(502)
    with pytest.raises(UnreachableError):
        get(client, cache, unknown)
    told.clear()
    web.alter = by_the_book
    web.files["/file"] = OTHER
    assert get(client, cache, unknown) == OTHER
    assert told == ["file: the server may have another file now, starting over"]


def test_a_mirror_with_wrong_bytes_gives_way_to_the_next(
    web: Web, client: Client, cache: Cache, pinned: Wanted
) -> None:
    web.files["/mirror"] = OTHER
    assert get(client, cache, replace(pinned, urls=(f"{web.url}/mirror", *pinned.urls))) == CONTENT


def test_a_mirror_that_was_given_up_costs_the_next_file_nothing(
    web: Web, client: Client, cache: Cache, pauses: list[float], told: list[str]
) -> None:
    """Five pauses at the first of its files, and none at the others."""
    web.files = {f"/{name}": name.encode() for name in "abc"}
    web.alter = lambda request, reply: Reply(502) if request.headers["host"].startswith("localhost") else reply
    for name in "abc":
        urls = (f"{web.other_url}/{name}", f"{web.url}/{name}")
        assert get(client, cache, Wanted(name, urls, hashlib.sha256(name.encode()).hexdigest())) == name.encode()
    assert len(pauses) == 5
    assert len(web.asked) == 6 + 3
    assert [line for line in told if "asking 127.0.0.1" in line] == told[-1:]


def test_a_dead_mirror_is_told_once_however_many_files_find_out(
    web: Web, client: Client, cache: Cache, told: list[str]
) -> None:
    """Two pauses that are felt, and where its files are asked for instead."""
    together = threading.Barrier(4)

    def wait_for_others(request: Request, reply: Reply) -> Reply:
        if request.path.startswith("/good"):
            return reply
        together.wait(20)
        return Reply(502)

    web.files = {f"/good/{name}": name.encode() for name in "abcd"}
    web.alter = wait_for_others
    wanted = {name: (f"{web.other_url}/{name}", f"{web.url}/good/{name}") for name in "abcd"}

    def fetch(name: str) -> None:
        get(client, cache, Wanted(name, wanted[name], hashlib.sha256(name.encode()).hexdigest()))

    threads = [threading.Thread(target=fetch, args=(name,)) for name in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == 3
    assert len(whole_files(cache)) == 4


def test_the_only_server_is_asked_also_if_it_was_given_up(
    web: Web, client: Client, cache: Cache, pinned: Wanted
) -> None:
    web.alter = lambda _request, _reply: Reply(502)
    with pytest.raises(UnreachableError, match="502"):
        get(client, cache, pinned)
    web.alter = lambda _request, reply: reply
    assert get(client, cache, pinned) == CONTENT


def test_a_mirror_that_lacks_one_file_is_asked_for_the_next(web: Web, client: Client, cache: Cache) -> None:
    web.files = {"/a": b"a", "/b": b"b"}
    lacking = ("localhost", "/a")
    web.alter = lambda request, reply: (
        Reply(404) if (request.headers["host"].partition(":")[0], request.path) == lacking else reply
    )
    for name in "ab":
        urls = (f"{web.other_url}/{name}", f"{web.url}/{name}")
        get(client, cache, Wanted(name, urls, hashlib.sha256(name.encode()).hexdigest()))
    hosts = [request.headers["host"].partition(":")[0] for request in web.asked]
    assert hosts == ["localhost", "127.0.0.1", "localhost"]


def test_the_last_of_several_mirrors_names_them_all(web: Web, client: Client, cache: Cache, pinned: Wanted) -> None:
    web.files.clear()
    with pytest.raises(UnreachableError, match=r"/file: the server answered 404.*before that: .*/first: the server"):
        get(client, cache, replace(pinned, urls=(f"{web.url}/first", *pinned.urls)))


def test_a_file_that_does_not_fit_is_not_begun(web: Web, client: Client, cache: Cache, unknown: Wanted) -> None:
    web.alter = lambda _, reply: replace(reply.saying(content_length=str(1 << 50)), cut=1000)
    with pytest.raises(EnvironmentProblemError, match=r"no room for 1024.0 TiB of file in") as caught:
        get(client, cache, unknown)
    assert caught.value.hint == "VLLM_AIRGAP_CACHE=DIR puts the cache elsewhere"
    assert partial_files(cache) == []
