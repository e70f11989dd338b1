"""The same cluster without Ray: vLLM's own processes on both nodes."""

from testbed import cluster
from testbed.bundles import Release
from testbed.inputs import Inputs
from testbed.nodes import Node


def test_mp_answers_and_survives_a_power_cut(made: Inputs, mp_release: Release, head: Node, worker: Node) -> None:
    everyone = f"{head.address},{worker.address}"
    for node, role in ((head, "head"), (worker, "worker")):
        cluster.start(node, made.node_root, mp_release)
        cluster.install(node, "--role", role, "--nodes", everyone)
    assert cluster.backend(head) == "mp"
    assert cluster.first_completion(worker, head.address)
    worker.power_off()
    worker.boot()
    assert cluster.first_completion(worker, head.address)
