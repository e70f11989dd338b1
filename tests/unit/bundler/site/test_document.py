"""site.json comes back from a place that nobody vouches for: it is what a probe writes, or refused."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.site.document import LARGEST, LONGEST, read_site
from installer.errors import UsageError
from installer.facts import gather
from tests.fakes.machines import bare_centos, ubuntu_at_work
from tests.fakes.overheard import document_of
from tests.fakes.recorded_machine import recorded_machine

MOST_SECONDS = 5

ASKED = {"ask": ["uname"], "code": 0, "out": "x", "err": ""}
READ = {"read": "/a", "text": "x"}


def written(folder: Path, document: object) -> Path:
    path = folder / "site.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def refused(folder: Path, document: object) -> str:
    with pytest.raises(UsageError) as error:
        read_site(written(folder, document))
    assert error.value.hint
    return str(error.value)


def of(*seen: Any) -> dict[str, Any]:  # noqa: ANN401  # anything but what is right
    return {"format": 1, "root": True, "seen": list(seen)}


def test_the_machine_answers_as_it_did(tmp_path: Path) -> None:
    for machine in (bare_centos(), ubuntu_at_work()):
        site = read_site(written(tmp_path, document_of(machine)))
        assert gather(site.machine) == gather(machine)
        assert (site.by_root, site.cut) == (True, ())


@pytest.mark.parametrize("line", ["", " " * 4000, "options nouveau " + " " * 4000, "version" * 500, "1: " * 1000])
def test_no_text_keeps_the_parsers_busy(tmp_path: Path, line: str) -> None:
    text = f"{line}\n" * (LONGEST // (len(line) + 1))
    machine = recorded_machine("h100")
    hostile = replace(
        machine,
        programs={"nvidia-smi": "/usr/bin/nvidia-smi"},
        files=dict.fromkeys((*machine.files, "/etc/modprobe.d/a.conf"), text),
        answers={command: replace(told, stdout=text) for command, told in machine.answers.items()},
    )
    began = time.process_time()
    gather(hostile)
    assert time.process_time() - began < MOST_SECONDS


def test_any_byte_is_told(tmp_path: Path) -> None:
    site = read_site(written(tmp_path, of({**ASKED, "out": "\u00ff\u00c3\u00a9"}, {"read": "/a", "text": "\0\xff"})))
    assert site.machine.ask("uname").stdout == "\ufffd\u00e9"
    assert site.machine.read("/a") == b"\0\xff"


def test_a_command_that_was_ended_is_told_as_on_a_node(tmp_path: Path) -> None:
    site = read_site(written(tmp_path, of({**ASKED, "code": 124, "late": 5})))
    assert (site.machine.ask("uname").code, site.machine.ask("uname").last_lines) == (-9, "no answer in 5 s")


def test_what_could_not_be_read_raises_as_on_a_node(tmp_path: Path) -> None:
    site = read_site(written(tmp_path, of({"read": "/a", "unreadable": True}, {"read": "/b", "absent": True})))
    with pytest.raises(PermissionError):
        site.machine.read("/a")
    assert site.machine.read("/b") is None


def test_a_question_of_a_newer_program_is_said_to_be_missing(tmp_path: Path) -> None:
    machine = read_site(written(tmp_path, of())).machine
    for question in (
        lambda: machine.ask("uname", "-rm"),
        lambda: machine.read("/a"),
        lambda: machine.names("/a"),
        lambda: machine.finds("a"),
    ):
        with pytest.raises(UsageError, match=r"site\.json: does not tell .* of another version") as error:
            question()
        assert "bundle probe > probe.sh" in error.value.hint


def test_an_answer_that_was_cut_is_named(tmp_path: Path) -> None:
    text = ("x" * 1023 + "\n") * (LONGEST // 1024)
    assert read_site(written(tmp_path, of({"read": "/a", "text": text}))).cut == ("/a",)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "not JSON: Expecting value"),
        ("[]", "not a mapping"),
        ('{"format": 1, "root": true, "seen": [', "Expecting value"),
        ({**of(), "format": 2}, "format: 2 is not 1"),
        ({**of(), "root": "yes"}, "root: neither true nor false"),
        ({**of(), "more": 1}, "more: unknown key"),
        (of("x"), r"seen\[0\]: not a mapping"),
        (of({}), "missing, and so are read, names and finds"),
        (of({**ASKED, "more": 1}), "more: unknown key"),
        (of({**ASKED, "ask": []}), "empty, or there twice"),
        (of({**ASKED, "ask": ["a", 1]}), "ask: not text"),
        (of({**ASKED, "ask": "uname"}), "ask: not a list"),
        (of({**ASKED, "code": -9}), "not a whole number from 0"),
        (of({**ASKED, "code": 256}), "not between 0 and 255"),
        (of({**ASKED, "late": 0}), "not between 1 and 3600"),
        (of({**ASKED, "out": 1}), "out: not text"),
        (of({**ASKED, "out": "\u0100"}), "a character that is no byte"),
        (of({**ASKED, "out": "\ud800"}), "a character that is no byte"),
        (of({**ASKED, "err": "x\n" * LONGEST}), f"longer than {LONGEST} bytes"),
        (of({**ASKED, "out": " " * 5000}), "a line of more than 4096 characters"),
        (of(ASKED, ASKED), "there twice"),
        (of(READ, READ), "there twice"),
        (of({"names": "/a", "are": []}, {"names": "/a", "are": []}), "there twice"),
        (of({"finds": "a", "at": ""}, {"finds": "a", "at": ""}), "there twice"),
        (of({"read": "/a"}), "absent: missing"),
        (of({"names": "/a", "are": ["x"] * 20_001}), "not a list of 20000 at most"),
        (of({"names": "/a", "are": ["x" * 4097]}), "longer than 4096 bytes"),
        (of(*({"finds": str(number), "at": ""} for number in range(20_001))), "more than 20000 entries"),
        ("[" * 100_000, "nested deeper"),
        (" " * (LARGEST + 1), f"larger than {LARGEST} bytes"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, document: object, why: str) -> None:
    with pytest.raises(UsageError, match=why) as error:
        read_site(written(tmp_path, document))
    assert "bundle probe > probe.sh" in error.value.hint


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    path.write_bytes(b'{"format": "\xff"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_site(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: No such file"):
        read_site(tmp_path / "none.json")
