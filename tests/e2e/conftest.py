"""One bundle for all, and nodes that are gone afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles, cluster, inputs
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
def prefix(worker_id: str) -> str:
    """Of all that this process makes: another may test at the same time."""
    return "e2e" if worker_id == "master" else f"e2e{worker_id}"


@pytest.fixture(scope="session")
def bundles_folder(prefix: str) -> Path:
    return BUILD / "e2e" / prefix


@pytest.fixture(scope="session")
def release(made: Inputs, bundles_folder: Path) -> Release:
    return _build(made, bundles_folder / "release", Wish())


@pytest.fixture(scope="session")
def mp_release(made: Inputs, bundles_folder: Path) -> Release:
    return _build(made, bundles_folder / "mp-release", Wish(backend="mp"))


def _build(made: Inputs, folder: Path, wish: Wish) -> Release:
    bundles.clear(folder)
    return bundles.build(made, HostDocker(BUILD), folder, wish)


@pytest.fixture(scope="module")
def site(prefix: str) -> Iterator[Site]:
    """Two nodes with no route to anywhere, and a third one for what must not touch them."""
    with Site(BUILD, prefix, ("head", "worker", "spare")) as site:
        yield site


@pytest.fixture(scope="module")
def head(site: Site) -> Node:
    return site.nodes["head"]


@pytest.fixture(scope="module")
def worker(site: Site) -> Node:
    return site.nodes["worker"]


@pytest.fixture(scope="module")
def nodes_are_on(made: Inputs, release: Release, head: Node, worker: Node) -> None:
    """Fresh ones, with the bundle on the medium and nothing installed."""
    for node in (head, worker):
        cluster.start(node, made.node_root, release)
