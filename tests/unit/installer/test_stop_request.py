import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from installer.stop_request import InterruptedRunError, StopRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield StopRequest(lambda: 0.0)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nothing_stops_without_a_signal(stop: StopRequest) -> None:
    stop.check()


@pytest.mark.parametrize(("sent", "number"), [("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 15)])
def test_a_signal_stops_at_the_next_check(stop: StopRequest, sent: str, number: int) -> None:
    os.kill(os.getpid(), signal.Signals[sent])
    with pytest.raises(InterruptedRunError) as caught:
        stop.check()
    assert caught.value.number == number
    assert caught.value.hint == "the same command again goes on from here"


TWICE = """
import os, signal
from installer.stop_request import StopRequest
times = iter({times})
StopRequest(lambda: next(times))
for _ in {times}:
    os.kill(os.getpid(), signal.SIGINT)
print("still here")
"""


def after_signals_at(*times: float) -> int:
    """The exit code of a program that gets Ctrl-C at these seconds."""
    text = TWICE.format(times=list(times))
    return subprocess.run((sys.executable, "-c", text), capture_output=True, check=False).returncode


def test_a_second_signal_ends_the_program_at_once() -> None:
    assert after_signals_at(1.0, 3.0) == -signal.SIGINT


def test_one_signal_that_comes_twice_is_one() -> None:
    """Ctrl-C reaches launcher and program, and the launcher passes it on."""
    assert after_signals_at(1.0, 1.01) == 0
    assert after_signals_at(1.0, 1.01, 3.0) == -signal.SIGINT


def test_a_lost_terminal_ends_nothing_that_was_told_not_to_mind() -> None:
    """As nohup tells it."""
    text = """
import os, signal
from installer.stop_request import StopRequest
signal.signal(signal.SIGHUP, signal.SIG_IGN)
stop = StopRequest(lambda: 0.0)
os.kill(os.getpid(), signal.SIGHUP)
stop.check()
assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # what children inherit
"""
    assert subprocess.run((sys.executable, "-c", text), check=False).returncode == 0


def test_a_signal_ends_a_question_at_once(stop: StopRequest) -> None:
    with pytest.raises(InterruptedRunError) as caught:
        ask(stop)
    assert caught.value.number == signal.SIGINT


def ask(stop: StopRequest) -> None:
    with stop.at_once():
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")


def test_a_signal_that_came_before_a_question_is_not_lost(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(InterruptedRunError), stop.at_once():
        pytest.fail("asked")


def test_after_a_question_a_signal_waits_for_the_next_check_again(stop: StopRequest) -> None:
    with stop.at_once():
        pass
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(InterruptedRunError):
        stop.check()
