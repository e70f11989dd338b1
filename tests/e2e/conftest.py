"""One bundle for all, and nodes that are gone afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles, inputs
from testbed.bundles import Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

BUILD = Path(__file__).parents[2] / "build"


@pytest.fixture(scope="session")
def made() -> Inputs:
    return inputs.make_all(BUILD, print)


@pytest.fixture(scope="session")
def release(made: Inputs) -> Release:
    return _build(made, "release", Wish())


@pytest.fixture(scope="session")
def mp_release(made: Inputs) -> Release:
    return _build(made, "mp-release", Wish(backend="mp"))


def _build(made: Inputs, name: str, wish: Wish) -> Release:
    folder = BUILD / "e2e" / name
    bundles.clear(folder)
    return bundles.build(made, HostDocker(BUILD), folder, wish)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Two nodes with no route to anywhere, and a third one for what must not touch them."""
    with Site(BUILD, "e2e", ("head", "worker", "spare")) as site:
        yield site


@pytest.fixture(scope="module")
def head(site: Site) -> Node:
    return site.nodes["head"]


@pytest.fixture(scope="module")
def worker(site: Site) -> Node:
    return site.nodes["worker"]
