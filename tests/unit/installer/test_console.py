import pytest

from installer.console import Console
from installer.errors import EnvironmentProblemError
from installer.health import Health
from installer.preflight import Report
from installer.preflight.finding import problem
from installer.step import Applied, Holds, Pending, Tolerated
from tests.fakes.bundle import MadeBundle

LEAST, FIXED = 60, 118  # columns
Captured = pytest.CaptureFixture[str]


def test_steps_are_one_line_each(capsys: Captured) -> None:
    console = Console()
    for event in (Holds("driver"), Pending("docker", "not active"), Applied("docker", 1.25)):
        console.show_step(event)
    assert capsys.readouterr().out.splitlines() == [
        "ok       driver",
        "pending  docker: not active",
        "done     docker (1.2 s)",
    ]


def test_what_an_install_goes_on_without_is_a_warning_with_what_to_do(capsys: Captured) -> None:
    Console().show_step(Tolerated("services", "dcgm does not start again", "journalctl -u dcgm"))
    assert capsys.readouterr().out == "warning: services: dcgm does not start again\n         fix: journalctl -u dcgm\n"


def test_lines_are_told_unless_only_errors_are_wanted(capsys: Captured) -> None:
    Console().show_lines(("problem  space", "         fix: make room"))
    Console(quiet=True).show_lines(("problem  space",))
    assert capsys.readouterr().out == "problem  space\n         fix: make room\n"


@pytest.mark.parametrize(
    ("columns", "most"), [("80", 80), ("200", 200), ("20", LEAST), ("0", FIXED), ("", FIXED), ("wide", FIXED)]
)
def test_a_table_is_as_wide_as_the_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, columns: str, most: int
) -> None:
    """Without one, as where tests run, it has its own width; and it never gets too narrow to read."""
    monkeypatch.setenv("COLUMNS", columns)
    found = problem("space", "word " * 100, "make room")
    Console().show_report(Report("demo", "1", 1, "node1", "head", "10.0.0.1", (found,)))
    width = max(map(len, capsys.readouterr().out.splitlines()))
    assert most - len("word ") <= width <= most


def test_every_line_goes_to_a_log_too(capsys: Captured) -> None:
    log: list[str] = []
    Console(also=log.append).show_step(Holds("driver\x07"))
    assert log == capsys.readouterr().out.splitlines() == ["ok       driver\\x07"]


def test_nothing_that_is_shown_can_drive_the_terminal(capsys: Captured) -> None:
    Console().show_step(Pending("model \x1b]0;x\x07", "a\nb"))
    Console().show_error(EnvironmentProblemError("\x1b[2J", hint="\x9b"))
    captured = capsys.readouterr()
    assert captured.out == "pending  model \\x1b]0;x\\x07: a\\nb\n"
    assert captured.err == "error: \\x1b[2J\nhint: \\x9b\n"


def test_an_error_has_one_line_of_its_own_and_a_hint(capsys: Captured) -> None:
    Console(quiet=True).show_error(EnvironmentProblemError("no room", hint="make some"))
    Console().show_error(EnvironmentProblemError("two\nlines"))
    assert capsys.readouterr().err == "error: no room\nhint: make some\nerror: two\nlines\n"


def test_quiet_says_nothing(capsys: Captured) -> None:
    console = Console(quiet=True)
    console.say("something")
    console.show_health(Health("a", "b"))
    with console.progress("copying", 100) as advance:
        advance(100)
    assert capsys.readouterr() == ("", "")


def test_the_bundle_is_named_with_what_anchored_it_and_warnings(made: MadeBundle, capsys: Captured) -> None:
    (made.folder / ".DS_Store").touch()
    with made.opened() as bundle:
        Console().show_bundle(bundle)
    (made.folder / ".DS_Store").unlink()
    first, warning = capsys.readouterr().out.splitlines()
    assert first == "bundle   demo 2026.11, sequence 1, by trusted key"
    assert warning == "warning: .DS_Store: left by another system, ignored"


def test_health_tells_what_is_waited_for(capsys: Captured) -> None:
    Console().show_health(Health("not joined yet: 10.0.0.2", ""))
    assert capsys.readouterr().out == "waiting  not joined yet: 10.0.0.2\n"


def test_what_is_waited_for_is_told_once_per_change(capsys: Captured) -> None:
    console = Console()
    for what in ("a", "a", "b", "b", "a"):
        console.show_waiting(what)
    assert capsys.readouterr().out.splitlines() == ["waiting  a", "waiting  b", "waiting  a"]


def test_progress_without_a_terminal_is_a_line_for_each_tenth(capsys: Captured) -> None:
    with Console().progress("copying", 100_000_000) as advance:
        for _ in range(1000):
            advance(100_000)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "copying: 100 MB"
    assert lines[1:] == [f"  {n}0 of 100 MB" for n in range(1, 11)]


def test_nothing_to_copy_is_not_told(capsys: Captured) -> None:
    with Console().progress("copying", 0) as advance:
        advance(0)
    assert capsys.readouterr().out == ""


def test_more_than_was_foreseen_is_no_flood_of_lines(capsys: Captured) -> None:
    """A damaged copy of an earlier run is found only while copying."""
    with Console().progress("copying", 0) as nothing_foreseen:
        nothing_foreseen(100)
        nothing_foreseen(100)
    with Console().progress("copying", 100) as advance:
        for _ in range(50):
            advance(100)
    assert len(capsys.readouterr().out.splitlines()) <= 11
