"""What an answer's headers say of the bytes that follow, as far as they may be believed."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.http.patience import TroubleError
from installer.errors import printable

_SETTLED = 60.0  # seconds: a file changed again within the second keeps its Last-Modified
_RANGE = re.compile(r"bytes (?:(?P<start>\d{1,18})-(?P<end>\d{1,18})|\*)/(?P<total>\d{1,18}|\*)", re.ASCII)
_PLAIN = {"", "identity"}


class WrongRangeError(TroubleError):
    """Another part of the file than was asked for. A server that does so again may still send the whole."""


@dataclass(frozen=True)
class Offer:
    """Bytes up to ``end`` of a file of ``total`` bytes; None for what nothing says."""

    end: int | None
    total: int | None
    validator: str  # a header value for If-Range that fits these very bytes; "" if there is none
    framed: bool  # whether the file is whole if the body is


def whole(headers: Mapping[str, str]) -> Offer:
    """Of a 200."""
    _refuse_packed(headers)
    length = content_length(headers)
    return Offer(length, length, validator(headers), framed=length is not None or _is_chunked(headers))


def part(headers: Mapping[str, str], asked: int) -> Offer:
    """Of a 206 to a question for the bytes from ``asked`` on."""
    _refuse_packed(headers)
    text = headers.get("Content-Range", "")
    found = _RANGE.fullmatch(text.strip())
    if not found or found["start"] is None:
        raise WrongRangeError(f"a part of the file came that does not say which: {_shown(text)}")
    start, end = int(found["start"]), int(found["end"])
    total = None if found["total"] == "*" else int(found["total"])
    if start != asked or end < start or (total is not None and end >= total):
        raise WrongRangeError(f"asked for the bytes from {asked} on, the server sends {_shown(text)}")
    if (length := content_length(headers)) not in {None, end + 1 - start}:
        # The whole file, say, under the headers of a part.
        raise WrongRangeError(f"a part of the file came, {_shown(text)}, with {length} bytes")
    return Offer(end + 1, total, validator(headers), framed=total is not None)


def total_of_nothing(headers: Mapping[str, str]) -> int | None:
    """The length of the file by a 416, which says that no byte is left to send."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    return int(found["total"]) if found and found["total"] != "*" else None


def validator(headers: Mapping[str, str]) -> str:
    """A strong one: with a weak one the server only promises that another file means the same."""
    tag = headers.get("ETag", "").strip()
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag):
        return tag
    changed, now = headers.get("Last-Modified", ""), headers.get("Date", "")
    try:
        age = email.utils.parsedate_to_datetime(now) - email.utils.parsedate_to_datetime(changed)
    except (ValueError, TypeError):
        return ""
    return changed.strip() if age.total_seconds() >= _SETTLED else ""


def unchanged_since(validator: str) -> dict[str, str]:
    """To be told 304 instead of getting the same file again."""
    return {"If-None-Match" if validator.startswith('"') else "If-Modified-Since": validator}


def content_length(headers: Mapping[str, str]) -> int | None:
    """None also beside a Transfer-Encoding, as then it does not count (RFC 9112, section 6.3)."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) and not _is_chunked(headers) else None


def _is_chunked(headers: Mapping[str, str]) -> bool:
    return headers.get("Transfer-Encoding", "").lower() == "chunked"


def _refuse_packed(headers: Mapping[str, str]) -> None:
    """Unpacked it might be the file or not; and no range of it could be gone on with."""
    packed = headers.get("Content-Encoding", "").strip().lower()
    if packed not in _PLAIN:
        raise TroubleError(
            f"the file comes packed ({_shown(packed)}), though it was asked for as it is",
            hint="a proxy or the server repacks files on the way; use another URL, or switch that off",
        )


def _shown(text: str) -> str:
    return repr(printable(text)[:100])
