"""Nothing is sent outside: with a default route and a name server that lead to a machine which counts."""

from collections.abc import Iterator

import pytest
from testbed import cluster
from testbed.bundles import Release
from testbed.inputs import Inputs
from testbed.site import Site

from tests.e2e.conftest import BUILD


@pytest.fixture(scope="module")
def watched() -> Iterator[Site]:
    with Site(BUILD, "quiet", ("head", "worker"), watched=True) as site:
        yield site


def test_install_start_and_completion_send_no_packet_outside(watched: Site, made: Inputs, release: Release) -> None:
    head, worker = watched.nodes.values()
    everyone = f"{head.address},{worker.address}"
    for node in (head, worker):
        cluster.start(node, made.node_root, release)
    cluster.install(head, "--role", "head", "--nodes", everyone)
    cluster.install(worker, "--role", "worker", "--nodes", everyone)
    assert cluster.first_completion(worker, head.address)
    assert watched.outside.arrivals() == []
    assert watched.outside.count() == 0
    watched.outside.control_packet(worker.name)
    assert watched.outside.count() == 1
