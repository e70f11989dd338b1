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
    yield StopRequest()
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


def test_a_second_signal_ends_the_program_at_once() -> None:
    text = (
        "import os, signal; from installer.stop_request import StopRequest; StopRequest()\n"
        "for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\n"
        "print('still here')"
    )
    done = subprocess.run((sys.executable, "-c", text), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, b"")
