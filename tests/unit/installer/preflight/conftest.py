"""A good node, and the bundle for it."""

import pytest

from installer.preflight import Situation
from tests.fakes.bundle import MadeBundle
from tests.fakes.situation import good_situation


@pytest.fixture
def good(made: MadeBundle) -> Situation:
    return good_situation(made.index)
