"""Every test gets a folder of its own with tiny real inputs."""

from pathlib import Path

import pytest

from bundler.cache import Cache
from tests.unit.bundler.making import Site, make_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
