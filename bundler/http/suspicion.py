"""What wrong bytes probably are, in words that save a search."""

import hashlib
from typing import Final

EMPTY: Final = hashlib.sha256().hexdigest()
ENOUGH: Final = 1024  # bytes of a file's start
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_XML = b"<?xml"
_MARKS = b"\xef\xbb\xbf\xfe\xff\xff\xfe"  # byte order marks


def is_page(start: bytes) -> bool:
    """Whether a file with this ``start`` is for a browser: a login page, say, or a proxy's excuse."""
    text = start[:ENOUGH].lstrip(_MARKS).replace(b"\0", b"").lstrip().lower()
    if text.startswith((_XML, b"<!--")):
        return b"<html" in text
    return text.startswith(_PAGE_STARTS)


def digest_difference(found: str, size: int, start: bytes, expected: str) -> tuple[str, str]:
    """What is wrong with a file that has ``found`` instead of ``expected`` as SHA-256, and what to do about it."""
    words = f"has sha256 {found}, expected {expected}"
    if found == EMPTY:
        return f"{words}: the first is that of an empty file, not a byte came", "look at the URL, and try again later"
    if expected == EMPTY:
        return (
            f"{words}: the second is that of an empty file",
            "whoever wrote it down had downloaded nothing; correct the expected digest",
        )
    if is_page(start):
        return (
            f"{words}: it is a web page (HTML) of {size} bytes",
            "a login page or a proxy answered in the file's place; open the URL in a browser",
        )
    return words, "the file was changed where it lies, or the expected digest is that of another file"
