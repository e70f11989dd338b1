"""The responder's process beside what a unit becomes: real processes, killed in every way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, time
from installer.node import Node

def work():
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
        file.flush()
    time.sleep(60)

Node().beside(work)
if sys.argv[2] == "becomes":
    Node().become(("sleep", "60"))
if sys.argv[2] == "waits":
    time.sleep(60)
raise SystemExit("no image")
"""


def child_of(place: Path) -> int:
    for _ in range(100):
        if place.exists() and (text := place.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("it never began")


def is_gone(pid: int) -> bool:
    for _ in range(40):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@contextmanager
def started(place: Path, what: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen((sys.executable, "-c", PROGRAM, str(place), what), stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("what", ["becomes", "waits"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_lives_as_long_as_what_the_unit_became(tmp_path: Path, what: str, number: int) -> None:
    with started(tmp_path / "pid", what) as process:
        child = child_of(tmp_path / "pid")
        time.sleep(0.3)
        assert process.poll() is None
        os.kill(child, 0)
        process.send_signal(number)
        process.wait(5)
        assert is_gone(child)


def test_a_unit_that_fails_takes_it_along(tmp_path: Path) -> None:
    with started(tmp_path / "pid", "fails") as process:
        assert process.wait(10) == 1
        assert not (tmp_path / "pid").exists() or is_gone(child_of(tmp_path / "pid"))
