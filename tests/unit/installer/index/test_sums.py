"""SHA256SUMS in exactly one form."""

import pytest

from installer.errors import MalformedError, NotAuthenticError
from installer.index.sums import parse_sums, refuse_converted_lines, render_sums

A, B = "a" * 64, "b" * 64
GOOD = f"{A}  bundle.json\n{B}  install\n".encode()


def test_what_is_written_reads_the_same() -> None:
    assert parse_sums(GOOD) == {"bundle.json": A, "install": B}
    assert render_sums(parse_sums(GOOD)) == GOOD
    assert render_sums({"install": B, "bundle.json": A}) == GOOD


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        GOOD[:-1],
        GOOD + b"\n",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"  ", b" *"),
        GOOD.replace(b"  ", b" "),
        GOOD.replace(b"  ", b"   "),
        GOOD.upper(),
        GOOD.replace(b"a" * 64, b"a" * 63),
        GOOD.replace(b"a" * 64, b"a" * 65),
        b"\\" + GOOD,
        b"# comment\n" + GOOD,
        GOOD + GOOD,
        "".join(reversed(GOOD.decode().splitlines(keepends=True))).encode(),
        GOOD.replace(b"install", b"../install"),
        GOOD.replace(b"install", b"/install"),
        GOOD.replace(b"install", b"Bundle.json"),
        GOOD.replace(b"install", "\u00e9".encode()),
        GOOD.replace(b"install", b"\xff"),
        GOOD.replace(b"install", b"a\x00b"),
    ],
)
def test_any_other_form_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_sums(data)


def test_converted_line_endings_are_named() -> None:
    refuse_converted_lines(GOOD)
    with pytest.raises(NotAuthenticError, match="line endings changed"):
        refuse_converted_lines(GOOD.replace(b"\n", b"\r\n"))
