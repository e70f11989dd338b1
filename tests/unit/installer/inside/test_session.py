"""The two programs that hold the server's session, run by this machine's Python with another place for the record."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from installer.runner import program

RECORD = "/run/vllm-airgap-serve.session"


def text_of(name: str, record: Path) -> str:
    text = program(name)
    assert RECORD in text
    return text.replace(RECORD, str(record))


def start(record: Path, *command: str) -> subprocess.Popen[bytes]:
    words = (sys.executable, "-c", text_of("session_start.py", record), *command)
    return subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=False)


def stop(record: Path) -> subprocess.CompletedProcess[bytes]:
    words = (sys.executable, "-c", text_of("session_stop.py", record), "127.0.0.1", "0")
    return subprocess.run(words, capture_output=True, check=False, timeout=20)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_stopping_ends_the_whole_session_also_what_its_leader_left_behind(tmp_path: Path) -> None:
    record = tmp_path / "session"
    with start(record, "sh", "-c", "sleep 60 & echo $!; exec sleep 60") as leader:
        assert leader.stdout
        child = int(leader.stdout.readline())
        assert int(record.read_text()) == leader.pid == os.getsid(child)
        done = stop(record)
        assert (done.returncode, done.stderr) == (0, b"")
        assert leader.wait(5) == -signal.SIGTERM
    deadline = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child)
    assert not record.exists()


def test_without_a_record_there_is_nothing_to_stop(tmp_path: Path) -> None:
    assert stop(tmp_path / "session").returncode == 0


def test_a_record_of_a_session_that_is_gone_is_removed(tmp_path: Path) -> None:
    record = tmp_path / "session"
    with start(record, "true") as leader:
        leader.wait(5)
    assert stop(record).returncode == 0
    assert not record.exists()


def test_the_command_takes_the_place_of_the_program(tmp_path: Path) -> None:
    with start(tmp_path / "session", "echo", "a  b", "$HOME") as leader:
        assert leader.stdout
        assert leader.stdout.read() == b"a  b $HOME\n"
