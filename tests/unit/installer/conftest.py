"""A bare machine, and a bundle for it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.node import FakeNode


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    """Shared by all tests: who spoils a bundle makes one of its own."""
    return make_bundle(tmp_path_factory.mktemp("medium"), Recipe())


@pytest.fixture
def root() -> Iterator[Path]:
    """In memory where that is possible: an install syncs after every write."""
    memory = Path("/dev/shm")  # noqa: S108  # the folder in it is private
    with TemporaryDirectory(prefix="vllm-airgap-test.", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def node(root: Path) -> FakeNode:
    return FakeNode(root)
