"""What comes from outside is read in a time that grows with its length and with nothing else."""

import contextlib
import time
from collections.abc import Callable

import pytest

from installer.errors import MalformedError
from installer.index.document import LARGEST_INDEX
from installer.index.names import name_problem
from installer.index.package_versions import compare_deb, compare_rpm
from installer.index.strict import parse_json
from installer.index.sums import LARGEST_SUMS, parse_sums

BOUND = 30  # seconds; each takes about one, and took hours where it was looked at once per character
SHAPES = {
    "escaped quotes": rb"\"",
    "quotes": b'"',
    "backslashes": b"\\",
    "a backslash after each quote": b'"\\',
    "texts of one escape": rb'"\\"',
    "texts of one escaped quote": rb'"\""',
    "texts of a bracket": b'"[",',
    "texts never ended": b'"[\n',
    "brackets open": b"[",
    "brackets open and close": b"[]",
    "brackets the wrong way": b"]{",
    "spaces": b" ",
    "digits": b"9",
    "words": "é".encode(),
}


def filled(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


def in_time(read: Callable[[], object]) -> None:
    began = time.monotonic()
    with contextlib.suppress(MalformedError):
        read()
    took = time.monotonic() - began
    assert took < BOUND, took


@pytest.mark.parametrize("piece", SHAPES.values(), ids=SHAPES)
def test_a_document_of_any_shape_costs_its_length(piece: bytes) -> None:
    data = filled(piece, LARGEST_INDEX)
    in_time(lambda: parse_json(data, "bundle.json"))


LISTS = {
    "one line without an end": b"0" * 64 + b"  " + b"a" * (LARGEST_SUMS - 66),
    "hex digits": filled(b"0", LARGEST_SUMS),
    "ends of lines": filled(b"\n", LARGEST_SUMS),
    "lines without a name": filled(b"0" * 64 + b"  \n", LARGEST_SUMS),
    "the same line": filled(b"0" * 64 + b"  a\n", LARGEST_SUMS),
    "a name of spaces": b"0" * 64 + b"  " + filled(b" ", LARGEST_SUMS - 67) + b"\n",
}


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS)
def test_a_list_of_any_shape_costs_its_length(data: bytes) -> None:
    in_time(lambda: parse_sums(data))


@pytest.mark.parametrize("piece", ["a", "a/", "com1.", "./", "%~", "\n"])
def test_a_name_of_any_shape_costs_its_length(piece: str) -> None:
    in_time(lambda: name_problem(piece * (LARGEST_SUMS // len(piece))))


@pytest.mark.parametrize("compare", [compare_rpm, compare_deb])
@pytest.mark.parametrize("piece", ["a", "1a", "~", "^.", ":-", "é"])
def test_a_version_of_any_shape_costs_its_length(compare: Callable[[str, str], int], piece: str) -> None:
    version = piece * ((1 << 20) // len(piece))
    in_time(lambda: compare(version, f"{version}b"))
