"""Headers are believed as far as they go."""

import pytest
from requests.structures import CaseInsensitiveDict

from bundler.http.offers import (
    Offer,
    WrongRangeError,
    content_length,
    part,
    total_of_nothing,
    unchanged_since,
    validator,
    whole,
)
from bundler.http.patience import TroubleError

DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
EARLIER = "Fri, 15 Jan 2027 07:59:00 GMT"
JUST_NOW = "Fri, 15 Jan 2027 07:59:30 GMT"


def headers(**values: str) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({name.replace("_", "-"): value for name, value in values.items()})


def test_a_whole_file() -> None:
    assert whole(headers(content_length="10", etag='"x"')) == Offer(10, 10, '"x"', framed=True)
    assert whole(headers(transfer_encoding="chunked")) == Offer(None, None, "", framed=True)
    both = headers(transfer_encoding="chunked", content_length="10")
    assert whole(both) == Offer(None, None, "", framed=True), "RFC 9112, section 6.3: the length does not count"
    assert whole(headers()) == Offer(None, None, "", framed=False)


def test_a_part() -> None:
    assert part(headers(content_range="bytes 5-9/10"), 5) == Offer(10, 10, "", framed=True)
    assert part(headers(content_range="bytes 5-7/10"), 5) == Offer(8, 10, "", framed=True)
    assert part(headers(content_range="bytes 5-7/*"), 5) == Offer(8, None, "", framed=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes 4-9/10",
        "bytes 6-9/10",
        "bytes 5-10/10",
        "bytes 9-5/10",
        "bytes */10",
        "bytes 5-9",
        "bytes \u0665-9/10",
    ],
)
def test_another_part_than_was_asked_for(text: str) -> None:
    with pytest.raises(WrongRangeError):
        part(headers(content_range=text), 5)


@pytest.mark.parametrize("length", ["4", "6", "10"])
def test_a_part_of_another_length_than_it_says(length: str) -> None:
    with pytest.raises(WrongRangeError, match=f"{length} bytes"):
        part(headers(content_range="bytes 5-9/10", content_length=length), 5)
    part(headers(content_range="bytes 5-9/10", content_length="5"), 5)
    part(headers(content_range="bytes 5-9/10", content_length=length, transfer_encoding="chunked"), 5)


@pytest.mark.parametrize("packed", ["gzip", "br", "GZIP", "identity, gzip", "\x1b[2J"])
def test_a_packed_body_is_not_the_file(packed: str) -> None:
    with pytest.raises(TroubleError, match="comes packed") as caught:
        whole(headers(content_encoding=packed))
    assert "\x1b" not in str(caught.value)
    whole(headers(content_encoding="Identity"))


@pytest.mark.parametrize(
    ("values", "strong"),
    [
        ({"etag": '"abc"'}, '"abc"'),
        ({"etag": 'W/"abc"'}, ""),
        ({"etag": "abc"}, ""),
        ({"etag": '"a"b"'}, ""),
        ({"etag": '"a\r\nX: b"'}, ""),
        ({"last_modified": EARLIER, "date": DATE}, EARLIER),
        ({"last_modified": JUST_NOW, "date": DATE}, ""),
        ({"last_modified": EARLIER}, ""),
        ({"last_modified": "lately", "date": DATE}, ""),
        ({"etag": 'W/"abc"', "last_modified": EARLIER, "date": DATE}, EARLIER),
    ],
)
def test_a_validator_vouches_for_every_byte(values: dict[str, str], strong: str) -> None:
    assert validator(headers(**values)) == strong


def test_the_question_whether_it_is_unchanged() -> None:
    assert unchanged_since('"abc"') == {"If-None-Match": '"abc"'}
    assert unchanged_since(EARLIER) == {"If-Modified-Since": EARLIER}


@pytest.mark.parametrize(("text", "length"), [("10", 10), ("0", 0), ("", None), ("-1", None), ("10, 10", None)])
def test_a_length(text: str, length: int | None) -> None:
    assert content_length(headers(content_length=text)) == length


def test_what_a_416_says_of_the_length() -> None:
    assert total_of_nothing(headers(content_range="bytes */10")) == 10
    assert total_of_nothing(headers(content_range="bytes */*")) is None
    assert total_of_nothing(headers()) is None
