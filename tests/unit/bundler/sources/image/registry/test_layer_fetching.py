"""Room for all layers of an image is looked for before the first of them is asked for."""

from collections.abc import Callable

import pytest

from bundler.cache import Stored
from bundler.http.credentials import NOBODY
from bundler.sources.image.registry.endpoints import Endpoints
from bundler.sources.image.registry.layer_fetching import fetch_layers, take_layers
from installer.errors import EnvironmentProblemError
from tests.unit.bundler.making import Site

NOWHERE = Endpoints((), NOBODY)  # who asks it for something finds nobody


@pytest.mark.parametrize("take", [take_layers, fetch_layers])
def test_layers_without_room_are_not_asked_for(site: Site, take: Callable[..., object]) -> None:
    layers = (Stored("1" * 64, 1 << 43), Stored("2" * 64, 1 << 43), Stored("1" * 64, 1 << 43))
    with pytest.raises(EnvironmentProblemError, match=r"no room for 16\.0 TiB of what is to be fetched"):
        take("vllm", layers, NOWHERE, site.work)
    assert not (site.work.cache.folder / "partial").exists()
