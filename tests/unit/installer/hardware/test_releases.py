"""Versions of all kinds, by their first three numbers."""

import pytest

from installer.hardware.releases import Release, release


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.6.4.post1", (0, 6, 4)),
        ("v0.20.0", (0, 20, 0)),
        ("12.4", (12, 4, 0)),
        ("550.127.08", (550, 127, 8)),
        ("2.13.0+cpu", (2, 13, 0)),
        ("3.10.0-1160.el7.x86_64", (3, 10, 0)),
        ("", None),
        ("latest", None),
    ],
)
def test_numbers(text: str, numbers: Release | None) -> None:
    assert release(text) == numbers
