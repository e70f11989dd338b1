"""Marks every test by its tier, keeps unit tests off the network, and lets Ctrl-C reach what tests start."""

import signal
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    # A suite that runs in the background of a shell has SIGINT ignored, and would hand that on to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = item.path.relative_to(TESTS).parts[0]
        item.add_marker(getattr(pytest.mark, tier))
        if tier == "unit":
            item.add_marker(pytest.mark.disable_socket)
