"""What comes late after a boot is waited for, and not for ever."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from installer.after_boot import PATIENCE, lock_patiently, wait_for_place
from installer.errors import LockedError
from installer.stop_request import InterruptedRunError
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.staged import MODEL_DIR

MODEL = "tiny"


def after(node: FakeNode, seconds: float, happens: Callable[[], None]) -> None:
    """Once, when so many seconds were slept."""
    at = node.now + seconds

    def on_sleep() -> None:
        if node.now >= at:
            node.on_sleep = lambda: None
            happens()

    node.on_sleep = on_sleep


@pytest.fixture
def installed(node: FakeNode, made: MadeBundle) -> FakeNode:
    install(node, made, HEAD)
    return node


def waited(node: FakeNode) -> tuple[float, list[str]]:
    """Seconds, and what for."""
    told: list[str] = []
    began = node.now
    wait_for_place(node, MODEL, told.append)
    return node.now - began, list(dict.fromkeys(told))


def test_a_node_that_is_all_there_waits_for_nothing(installed: FakeNode) -> None:
    assert waited(installed) == (0, [])


def test_an_address_that_comes_late_is_waited_for(installed: FakeNode) -> None:
    own = installed.ip
    installed.ip = "192.0.2.7"

    def comes() -> None:
        installed.ip = own

    after(installed, 100, comes)
    seconds, told = waited(installed)
    assert 100 <= seconds < 110
    assert told == ["this node's address 10.0.0.1 is on no interface yet"]


@pytest.mark.parametrize("kept", [MODEL_DIR, f"{MODEL_DIR}.partial"])
def test_a_data_directory_that_is_mounted_late_is_waited_for(installed: FakeNode, kept: str) -> None:
    """Its mount point is there, and empty."""
    elsewhere = installed.at("/elsewhere")
    installed.at(MODEL_DIR).rename(elsewhere)

    def comes() -> None:
        elsewhere.rename(installed.at(kept))

    after(installed, 60, comes)
    seconds, told = waited(installed)
    assert 60 <= seconds < 70
    assert told == ["the model is not in /var/lib/vllm-airgap/models yet"]


def test_what_never_comes_is_left_to_preflight(installed: FakeNode) -> None:
    installed.ip = "192.0.2.7"
    seconds, _ = waited(installed)
    assert PATIENCE <= seconds < PATIENCE + 10


def test_a_node_of_which_nothing_is_remembered_is_not_waited_for(node: FakeNode) -> None:
    assert waited(node) == (0, [])


def test_a_shutdown_ends_the_wait(installed: FakeNode) -> None:
    installed.ip = "192.0.2.7"

    def stop(_what: str) -> None:
        raise InterruptedRunError(15)

    with pytest.raises(InterruptedRunError):
        wait_for_place(installed, MODEL, stop)


def test_the_lock_of_somebody_elses_run_is_waited_for(node: FakeNode) -> None:
    told: list[str] = []
    held = ExitStack()
    held.enter_context(node.lock())
    after(node, 3600, held.close)
    with lock_patiently(node, told.append):
        assert node.now >= 3600
        with pytest.raises(LockedError), node.lock():
            pass
    assert set(told) == {"another vllm-airgap install is running on this node"}
    with node.lock():
        pass
