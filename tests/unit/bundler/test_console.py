"""One place prints: bars, lines, results, errors."""

import io
import os
import re
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import BinaryIO

import pytest

from bundler.console import Console, show_error
from bundler.console.bars import Bars, label_of
from bundler.console.folding import folded
from bundler.console.lines import Lines
from bundler.console.words import in_minutes, percent, underway
from bundler.progress import counting
from bundler.sizes import in_units, parse_size, part_in_units
from installer.errors import DamagedError
from tests.fakes.screen import shown


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_say_when_an_item_begins_how_far_it_is_and_when_it_ends() -> None:
    stream, clock = io.StringIO(), Clock()
    with Lines(stream, clock)("driver", 20 << 20) as advance:
        for clock.now in (1, 14, 15, 16, 30):
            advance(1 << 20)
        clock.now = 31
        advance(15 << 20)
    assert stream.getvalue().splitlines() == [
        "driver: 20.0 MiB, begun",
        "driver: 3.0 MiB of 20.0 MiB (15 %), 204.8 KiB/s, 1:25 left",
        "driver: 5.0 MiB of 20.0 MiB (25 %), 170.7 KiB/s, 1:30 left",
        "driver: 20.0 MiB in 31.0 s (660.6 KiB/s)",
    ]


def test_what_an_earlier_run_left_stands_in_the_first_line_and_makes_nothing_faster() -> None:
    stream, clock = io.StringIO(), Clock()
    with Lines(stream, clock)("driver", 20 << 20, done=10 << 20) as advance:
        clock.now = 20
        advance(5 << 20)
    assert stream.getvalue().splitlines()[:2] == [
        "driver: 20.0 MiB, 10.0 MiB of it there already, begun",
        "driver: 15.0 MiB of 20.0 MiB (75 %), 256.0 KiB/s, 0:20 left",
    ]


def test_an_item_of_unknown_size_has_no_end_in_sight() -> None:
    assert underway("wheel", 2048, None, 1024.0) == "wheel: 2.0 KiB, 1.0 KiB/s"


def test_no_line_gets_into_another() -> None:
    class Pieces(io.StringIO):
        """Lets other threads in after every write."""

        def write(self, text: str) -> int:
            super().write(text)
            threading.Event().wait(0.001)
            return len(text)

    stream = Pieces()
    lines = Lines(stream)

    def work(name: str) -> None:
        for _ in range(10):
            with lines(name * 20, 1):
                pass

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stream.getvalue().splitlines()
    assert len(found) == 80
    assert all(re.fullmatch(r"([abcd])\1{19}: (1 B, begun|0 B in 0\.\d s)", line) for line in found)


def test_bars_show_each_item_and_leave_a_line() -> None:
    stream = io.StringIO()
    bars = Bars(stream)
    with bars("driver", 2048) as advance, bars("image", None) as other:
        advance(2048)
        other(1)
    bars.close()
    assert "0.0/2.0 KiB" in stream.getvalue()
    assert "driver: 2.0 KiB in " in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()  # no colour


def written_to_terminal(columns: int, write: Callable[[Bars], None]) -> str:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "w") as terminal:
        write(Bars(terminal))
        terminal.write("\0")
        terminal.flush()
        written = b""
        while not written.endswith(b"\0"):
            written += screen.read(1 << 16)
    return written[:-1].decode()


@pytest.mark.parametrize("columns", [40, 59, 60, 80, 200])
def test_a_bar_and_its_last_line_fit_their_terminal(columns: int) -> None:

    def write(bars: Bars) -> None:
        with bars("model/a-{0}-" + "x" * 90 + "-00001-of-00005.safetensors", 5 << 40) as advance:
            advance(1)

    lines = [line.rstrip() for line in re.split(r"[\r\n]|\x1b\[A", written_to_terminal(columns, write))]
    bars = [line for line in lines if "/s" in line]
    assert bars
    assert all(line.startswith("a-(0)-xx") and ".." in line for line in bars)
    assert [line for line in lines if "a-{0}-x" in line and line.endswith(" 1 B in 0.0 s")]
    assert all(len(line) < columns for line in lines)


def test_bars_that_end_together_leave_whole_lines() -> None:
    """The sum ends in the last step of the last file, whose bar stands below it."""

    def write(bars: Bars) -> None:
        total = bars("total", 4096)
        advance_all = total.__enter__()
        with bars("driver/x.run", 4096) as advance:
            advance(4096)
            advance_all(4096)
            total.__exit__(None, None, None)

    lines = [line for line in shown(written_to_terminal(80, write), 80) if line]
    assert [line.partition(":")[0] for line in lines] == ["total", "driver/x.run"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("packages/kernel-devel-3.10.0-1160.el7.x86_64.rpm", "kernel-devel-3.10.0-.."),
        ("model/org/tiny/model-00001-of-00005.safetensors", "model-00001-of-00005.."),
        ("model model-00002-of-00005.safetensors", "model-00002-of-00005.."),
        ("registry.example/vllm/vllm-openai:v0.6.4 layer 3/12", "vllm-open.. layer 3/12"),
        ("runtime: cryptography-46.0.1-cp311-abi3.whl", "cryptography-46.0.1-.."),
        ("read vllm-openai.tar", "read vllm-openai.tar"),
        ("driver", "driver"),
    ],
)
def test_what_a_bar_has_no_room_for_is_not_what_tells_it_from_others(name: str, label: str) -> None:
    assert label_of(name, 22) == label.ljust(22)


def test_bars_of_threads_that_hang_are_closed_too() -> None:
    stream = io.StringIO()
    bars = Bars(stream)
    hanging = bars("driver", 2048)
    advance = hanging.__enter__()
    bars.close()
    shown = stream.getvalue()
    advance(1024)
    assert stream.getvalue() == shown


def test_items_move_their_sum() -> None:
    stream = io.StringIO()
    with (
        counting(Lines(stream), "total", 4096, 1024) as meter,
        meter("one", 1024) as advance,
        meter("two", 3072, done=1024) as other,
    ):
        advance(1024)
        other(2048)
    assert stream.getvalue().splitlines()[0] == "total: 4.0 KiB, 1.0 KiB of it there already, begun"
    assert stream.getvalue().splitlines()[-1].startswith("total: 4.0 KiB, 3.0 KiB of it in 0.")


def test_what_was_there_before_is_done_from_the_start() -> None:
    for make in (Bars, Lines):
        stream = io.StringIO()
        progress = make(stream)
        with progress("driver", 4096, done=1024) as advance:
            advance(3072)
        progress.close()
        assert "driver: 4.0 KiB, 3.0 KiB of it in 0." in stream.getvalue()


def test_what_was_given_up_and_came_again_is_no_part_of_what_was_there() -> None:
    for make in (Bars, Lines):
        stream = io.StringIO()
        progress = make(stream)
        with progress("driver", 4096, done=1024) as advance:
            advance(-1024)
            advance(4096)
        progress.close()
        assert "driver: 4.0 KiB in 0." in stream.getvalue()


def test_a_bar_that_starts_over_goes_back() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    with lines("driver", 2048) as advance:
        for count in (1024, -1024, 2048):
            advance(count)
    assert "driver: 2.0 KiB in " in stream.getvalue()


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


def test_a_part_has_the_unit_of_the_whole() -> None:
    assert part_in_units(400 << 20, 20 << 30) == "0.4/20.0 GiB"
    assert part_in_units(3, 5) == "3/5 B"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600 * 30 + 61, "30:01:01")]
)
def test_time_as_people_read_it(seconds: float, text: str) -> None:
    assert in_minutes(seconds) == text


def test_nothing_is_whole_before_its_last_byte() -> None:
    assert percent((1 << 40) - 1, 1 << 40) == "99 %"
    assert (percent(5, 5), percent(0, 0)) == ("100 %", "100 %")


def on_terminal(columns: int, print_it: Callable[[], None]) -> list[str]:
    """The lines of stdout and stderr, which both are that terminal."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "w") as terminal, redirect_stdout(terminal), redirect_stderr(terminal):
            print_it()
        written = b"".join(_pieces(screen))
    return written.decode().replace("\r\n", "\n").splitlines()


def _pieces(screen: BinaryIO) -> Iterator[bytes]:
    """What a terminal shows comes bit by bit; Linux ends it with EIO."""
    with suppress(OSError):
        while piece := screen.read(1 << 16):
            yield piece


def test_results_and_findings_are_folded_on_a_terminal() -> None:
    def print_them() -> None:
        console = Console(quiet=False, progress=False)
        console.say_folded("model  " + "word " * 12, 7)
        console.point_out("fix: " + "word " * 12)
        console.say("as it is: " + "word " * 12)

    assert on_terminal(40, print_them) == [
        "model  word word word word word word",
        "       word word word word word word",
        "fix: word word word word word word word",
        "  word word word word word",
        "as it is: " + "word " * 12,
    ]


def test_what_is_no_terminal_gets_one_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=False, progress=False)
    console.say_folded("model  " + "word " * 40, 7)
    console.point_out("fix: " + "word " * 40)
    assert [text.count("\n") for text in capsys.readouterr()] == [1, 1]


def test_a_word_is_never_broken_nor_are_lines_made_of_a_few_columns() -> None:
    url = "https://" + "x" * 60
    assert folded(f"driver {url} there", 40, 7) == ["driver", f"       {url}", "       there"]
    assert folded("a b " * 20, 30, 20) == ["a b " * 20]
