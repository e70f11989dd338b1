"""Strict JSON: whatever two parsers might read differently is malformed."""

import pytest

from installer.errors import MalformedError
from installer.index.strict import LONGEST_TEXT, Place, WrittenPlace, parse_json


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"size": NaN}',
        b'{"size": Infinity}',
        b'{"size": -Infinity}',
        b'{"size": 1e400}',
        b'{"size": 1.0}',
        b'{"size": -1}',
        b'{"size": 9223372036854775808}',
        b'{"size": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        '{"a": "é"}'.encode("latin-1"),
        b'{"a": "\xc0\xaf"}',
        b'{"a": "\xed\xa0\x80"}',
        b"",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
    ],
)
def test_it_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^bundle\.json: "):
        parse_json(data, "bundle.json")


def test_brackets_in_text_are_no_nesting() -> None:
    assert parse_json(b'{"a": "' + b"[" * 1000 + b'\\" ["}', "x") == {"a": "[" * 1000 + '" ['}


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "' + rb"\\" + b'", "b": ' + b"[" * 100_000,
        b'{"a": "' + rb"\\\"" + b'", "b": ' + b"[" * 100_000,
        b'{"a": "' + rb"\u005c" + b'", "b": ' + b"[" * 100_000,
    ],
)
def test_a_text_that_ends_in_an_escape_hides_no_nesting(data: bytes) -> None:
    with pytest.raises(MalformedError, match="nested deeper than 12 levels"):
        parse_json(data, "x")


def test_the_largest_integer_is_read() -> None:
    assert parse_json(b"9223372036854775807", "x") == 2**63 - 1


@pytest.mark.parametrize("value", ["\ud800", "a\x00b", "a\nb", "\x1b[2J", "\x7f", "\u202e"])
def test_text_that_does_not_print_is_malformed(value: str) -> None:
    with pytest.raises(MalformedError, match="control character") as caught:
        Place({"a": value}, "").text("a")
    assert str(caught.value).isprintable()


def test_text_has_a_limit() -> None:
    assert Place({"a": "x" * LONGEST_TEXT}, "").text("a")
    with pytest.raises(MalformedError, match="longer than"):
        Place({"a": "x" * (LONGEST_TEXT + 1)}, "").text("a")


def test_true_is_no_number() -> None:
    with pytest.raises(MalformedError, match="not a whole number"):
        Place({"a": True}, "").integer("a", 0, 9)


def test_the_place_of_a_mistake_is_named() -> None:
    at = Place.of(parse_json(b'{"model": {"parts": [{}, {"x": 1}]}}', "x"), "").inside("model")
    second = list(at.each("parts"))[1]
    with pytest.raises(MalformedError, match=r"^model\.parts\[1\]\.repo: missing$"):
        second.text("repo")
    with pytest.raises(MalformedError, match=r"^model\.parts\[1\]\.x: unknown key$"):
        second.only("repo")


def test_what_a_person_wrote_is_text_and_defaults_are_not() -> None:
    at = WrittenPlace({"port": "8000", "word": "08x"}, "")
    assert at.integer("port", 1, 65535) == 8000
    assert at.integer("other", 1, 65535, 6379) == 6379
    with pytest.raises(Exception, match="word: not a whole number"):
        at.integer("word", 1, 9)


@pytest.mark.parametrize("value", [0, 1, "true", ""])
def test_only_true_and_false_are_true_or_false(value: int | str) -> None:
    assert Place({"a": True}, "").boolean("a") is True
    assert Place({"a": False}, "").boolean("a") is False
    with pytest.raises(MalformedError, match="neither true nor false"):
        Place({"a": value}, "").boolean("a")
