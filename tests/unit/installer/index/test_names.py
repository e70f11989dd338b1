"""File names that mean the same everywhere, and no others."""

import pytest

from installer.errors import MalformedError
from installer.index.names import check_names, name_problem


@pytest.mark.parametrize(
    "path",
    [
        "install",
        "a/b/c",
        "_x",
        "A-b.c+d=e@f~g%h",
        "model-00001-of-00005.safetensors",
        "a" * 255,
        "console",
        "com",
        "x..y",
    ],
)
def test_a_good_name(path: str) -> None:
    assert name_problem(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "../x", "a/../../x", "..", "/etc/passwd", "", ".", "./a", "a//b", "a/", "a/.", "a\\b", "..\\..\\x",
        "x.", "x ", " x", "CON", "nul.txt", "COM1.tar.gz", "LPT0", "a/aux", "a/PRN.x/b",
        "a\nb", "a\tb", "a\x1b[2J", "a\x7f", "a\x00b", "-rf", "--privileged", "@file", ".hidden", "~x", "%n",
        "+x", "=x",
        "a" * 256, "/".join(["a" * 200] * 6), "/".join("a" * 1000),
        "$(id)", "`id`", ";id", "*", "{a,b}", "'", '"', "a b", "é", "\uff41", "a:b", "a|b", "a?b", "#a", "!a",
    ],
)  # fmt: skip
def test_a_bad_name_is_malformed_and_printed_escaped(path: str) -> None:
    with pytest.raises(MalformedError) as caught:
        check_names([path])
    assert str(caught.value).isprintable()


def test_names_equal_in_lower_case_are_malformed() -> None:
    for paths in (("Model.bin", "model.bin"), ("A/x", "a/y"), ("x", "x")):
        with pytest.raises(MalformedError, match="equal in lower case"):
            check_names(paths)


def test_a_file_that_is_a_folder_too_is_malformed() -> None:
    for paths in (("a", "a/b"), ("a/b", "A"), ("x/y/z", "x/y")):
        with pytest.raises(MalformedError, match="a file and a folder"):
            check_names(paths)


def test_folders_may_hold_many() -> None:
    check_names(["a/b", "a/c", "a/d/e", "ab"])
