import json
from dataclasses import replace

import pytest

from installer.preflight import Report
from installer.preflight.finding import problem, warning
from tests.fakes.preflight_document import read_document

SPACE = problem("space", "/var has 12.0 GiB free, 44.1 GiB are needed", "make room on /var")
NAME = warning("hostname", "this node's name node1 resolves to 127.0.1.1", "in /etc/hosts: 10.0.0.1 node1")
PORT = problem("ports", "port 8000 is taken", "ss -ltnp")
REPORT = Report("demo", "2026.11", 3, "node1", "head", "10.0.0.1", (SPACE, PORT, NAME), frozenset({"ports"}))


def test_what_is_ignored_is_told_still_but_stops_nothing() -> None:
    assert REPORT.problems == (SPACE,)
    assert REPORT.remarks == (PORT, NAME)


def test_the_table_has_a_fix_below_each_finding_and_counts_at_its_end() -> None:
    assert REPORT.table(118) == (
        "problem  space     /var has 12.0 GiB free, 44.1 GiB are needed",
        "                   fix: make room on /var",
        "ignored  ports     port 8000 is taken",
        "                   fix: ss -ltnp",
        "warning  hostname  this node's name node1 resolves to 127.0.1.1",
        "                   fix: in /etc/hosts: 10.0.0.1 node1",
        "1 problem, 1 warning, 1 ignored",
    )


def test_nothing_found() -> None:
    assert replace(REPORT, findings=()).table(118) == ("no problem found",)


def test_a_warning_that_is_ignored_is_counted_once() -> None:
    assert replace(REPORT, ignored=frozenset({"hostname"})).table(118)[-1] == "2 problems, 1 ignored"


@pytest.mark.parametrize("width", [60, 80, 118, 200])
def test_long_lines_are_broken_between_words_and_stay_in_their_column(width: int) -> None:
    long = replace(REPORT, findings=(problem("space", "word " * 100, "x"),)).table(width)
    assert width - len("word ") <= max(map(len, long)) <= width
    assert [line[:16].strip() for line in long[1:4]] == ["", "", ""]


def test_a_command_is_never_broken_within_a_word() -> None:
    command = f"dnf remove kmod-nvidia-{'x' * 80} --set NCCL_SOCKET_IFNAME=eno1-vlan-17 /media/{'y' * 70}/install"
    rows = replace(REPORT, findings=(problem("driver", "what", command),)).table(60)
    assert " ".join(row.strip() for row in rows[1:-1]) == f"fix: {command}"
    assert set(command.split()) <= {word for row in rows for word in row.split()}


def test_the_document_keeps_to_its_schema() -> None:
    found = read_document(json.dumps(REPORT.document()).encode())
    assert found == {"space": ("problem", False), "ports": ("problem", True), "hostname": ("warning", False)}


def test_a_name_that_somebody_gave_a_process_cannot_drive_a_terminal() -> None:
    odd = replace(REPORT, findings=(problem("gpu-busy", "held by \x1b[2J", "kill 1"),))
    assert read_document(json.dumps(odd.document()).encode()) == {"gpu-busy": ("problem", False)}
