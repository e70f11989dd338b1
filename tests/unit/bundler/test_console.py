"""One place prints: bars, lines, results, errors."""

import io
import sys

import pytest

from bundler.console import Bars, Console, Lines, show_error
from bundler.sizes import in_units, parse_size
from installer.errors import DamagedError


def test_lines_say_what_is_done() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    with lines("driver", 2048) as advance:
        advance(1024)
        advance(1024)
    assert stream.getvalue().startswith("driver: 2.0 KiB in ")


def test_bars_show_each_item_and_a_total() -> None:
    stream = io.StringIO()
    bars = Bars(stream)
    with bars("driver", 2048) as advance, bars("image", None) as other:
        advance(2048)
        other(1)
    bars.close()
    assert "total" in stream.getvalue()
    assert "driver: 2.0 KiB in " in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()  # no colour


def test_what_was_there_before_is_done_from_the_start() -> None:
    for make in (Bars, Lines):
        stream = io.StringIO()
        progress = make(stream)
        with progress("driver", 4096, done=1024) as advance:
            advance(3072)
        progress.close()
        assert "driver: 4.0 KiB, 3.0 KiB of it in 0." in stream.getvalue()


def test_a_bar_that_starts_over_goes_back() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    with lines("driver", 2048) as advance:
        for count in (1024, -1024, 2048):
            advance(count)
    assert stream.getvalue().startswith("driver: 2.0 KiB in ")


def test_an_item_that_failed_is_not_called_done() -> None:
    for make in (Bars, Lines):
        stream = io.StringIO()
        with pytest.raises(DamagedError), make(stream)("driver", 1):
            raise DamagedError("x")
        assert " in 0." not in stream.getvalue()


def test_quiet_leaves_results_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True, progress=True)
    with console.meter("x", 1) as advance:
        advance(1)
    console.tell("x")
    console.say("result")
    show_error(DamagedError("bad", hint="try"))
    assert capsys.readouterr() == ("result\n", "error: bad\nhint: try\n")


def test_control_characters_never_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=False, progress=False)
    console.say("a\x1b]0;title\x07")
    console.tell("b\x1b[2J")
    show_error(DamagedError("c\x9b\n", hint="d\r"))
    out, err = capsys.readouterr()
    assert out == "a\\x1b]0;title\\x07\n"
    assert err == "b\\x1b[2J\nerror: c\\x9b\\n\nhint: d\\r\n"


def test_a_closed_output_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    Console(quiet=False, progress=False).say("done")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 29, "1.5 GiB"), (5 << 50, "5120.0 TiB")]
)
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert in_units(size) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("500B", 500), ("1K", 1024), ("1.5 GiB", 3 << 29), ("50g", 50 << 30), ("2TB", 2 << 40)],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1,5G", "1e3", "5 PB", "٣"])
def test_no_sizes(text: str) -> None:
    assert parse_size(text) is None
