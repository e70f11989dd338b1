"""What a run tells goes to the console, and each time it ends there if a signal asked for that."""

from collections.abc import Iterator
from contextlib import contextmanager

from installer.console import Console
from installer.install import Voice
from installer.step import StepEvent
from installer.stop_request import StopRequest
from installer.trust.contents import Advance, Meter


def voice_of(console: Console, stop: StopRequest) -> Voice:
    def step(event: StepEvent) -> None:
        stop.check()
        console.show_step(event)

    def waiting(what: str) -> None:
        stop.check()
        console.show_waiting(what)

    return Voice(step, meter_of(console, stop), waiting)


def meter_of(console: Console, stop: StopRequest) -> Meter:
    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        with console.progress(what, total) as advance:

            def checked(count: int) -> None:
                stop.check()
                advance(count)

            yield checked

    return meter
