"""Two nodes, one of which answers."""

from pathlib import Path

import pytest

from tests.unit.installer.peers.nodes import Pair, answering_pair


@pytest.fixture
def pair(root: Path) -> Pair:
    return answering_pair(root)
