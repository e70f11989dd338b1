"""Which of two package versions is the newer one, as rpm and as dpkg decide it."""

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import TypeVar

Compare = Callable[[str, str], int]  # below 0: the first is older; 0: equal; above 0: newer
_Ordered = TypeVar("_Ordered", int, str, tuple[bool, bool], tuple[int, str])
_RPM_PIECE = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_DEB_PIECES = re.compile(r"([^0-9]*)([0-9]*)")


def compare_rpm(one: str, other: str) -> int:
    """[EPOCH:]VERSION[-RELEASE]; where one of the two has no release, releases do not count, as in a dependency."""
    first, second = _split(one), _split(other)
    pairs = list(zip(first, second, strict=True))
    if not (first[2] and second[2]):
        pairs.pop()
    return _first_difference(_compare_rpm_part, pairs)


def compare_deb(one: str, other: str) -> int:
    """[EPOCH:]VERSION[-REVISION]; no revision is revision 0."""
    return _first_difference(_compare_deb_part, zip(_split(one), _split(other), strict=True))


COMPARE: dict[str, Compare] = {"rpm": compare_rpm, "deb": compare_deb}


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.rpartition(":")
    upstream, dash, release = rest.rpartition("-")
    return epoch if colon else "0", upstream if dash else rest, release if dash else ""


def _first_difference(compare: Compare, pairs: "zip[tuple[str, str]] | list[tuple[str, str]]") -> int:
    return next((found for one, other in pairs if (found := compare(one, other))), 0)


def _compare_rpm_part(one: str, other: str) -> int:
    """rpmvercmp: runs of digits and of letters in turn; ~ sorts before the end, ^ after it and before all else."""
    for left, right in zip_longest(_RPM_PIECE.findall(one), _RPM_PIECE.findall(other), fillvalue=""):
        if left != right and (found := _compare_rpm_pieces(left, right)):
            return found
    return 0


def _compare_rpm_pieces(left: str, right: str) -> int:
    for mark in ("~", "^"):
        if mark in (left, right):
            is_older = mark == "~" or "" not in (left, right)
            return -1 if is_older == (left == mark) else 1
    if left.isdigit() and right.isdigit():
        return _sign(int(left), int(right))
    if not left or not right or left.isdigit() != right.isdigit():
        return _sign((bool(left), left.isdigit()), (bool(right), right.isdigit()))
    return _sign(left, right)


def _compare_deb_part(one: str, other: str) -> int:
    """Runs of anything but digits and of digits in turn, character by character and as numbers (deb-version(7))."""
    pieces = zip_longest(_DEB_PIECES.findall(one), _DEB_PIECES.findall(other), fillvalue=("", ""))
    for (left_text, left_digits), (right_text, right_digits) in pieces:
        found = _compare_deb_text(left_text, right_text) or _sign(int(left_digits or 0), int(right_digits or 0))
        if found:
            return found
    return 0


def _compare_deb_text(left: str, right: str) -> int:
    weights = ((_deb_weight(a), _deb_weight(b)) for a, b in zip_longest(left, right, fillvalue=""))
    return next((_sign(a, b) for a, b in weights if a != b), 0)


def _deb_weight(character: str) -> tuple[int, str]:
    """~ before the end of a part, then letters, then all else."""
    if character == "~":
        return -1, ""
    return (0 if not character else 1 if character.isalpha() else 2), character


def _sign(left: _Ordered, right: _Ordered) -> int:
    return (left > right) - (left < right)
