"""An installer that is killed, in each step, and run again."""

import pytest
from testbed import cluster
from testbed.bundles import Release
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.trees import RESTLESS

from tests.e2e.kills import JOURNAL, kill_in_every_step, unpacked

# What tells of the way and not of where it led, and what is random on every machine.
WAY = (JOURNAL, "/var/lib/vllm-airgap/former", "/var/lib/vllm-airgap/receipts")
RANDOM = ("/etc/machine-id", "/etc/docker/key.json")
OWN = ("/etc", "/opt", "/usr/local", "/var/lib/vllm-airgap")
OPTIONS = ("--role", "worker", "--node-ip", "10.77.0.12", "--head", "10.77.0.11")


def _state(node: Node) -> dict[str, str]:
    return node.tree_digest(*OWN, without=(*RESTLESS, *WAY, *RANDOM))


@pytest.fixture(scope="module")
def straight(made: Inputs, release: Release, worker: Node) -> dict[str, str]:
    """How a node looks whose install nobody disturbed; the node is gone again."""
    cluster.start(worker, made.node_root, release)
    cluster.install(worker, *OPTIONS)
    state = _state(worker)
    worker.remove()
    return state


def test_killed_in_every_step_it_ends_in_the_same_state(
    made: Inputs, release: Release, straight: dict[str, str], worker: Node
) -> None:
    cluster.start(worker, made.node_root, release)
    killed = kill_in_every_step(worker, *cluster.install_command(*OPTIONS))
    assert len(killed) >= 12
    assert "done" not in cluster.install(worker, *OPTIONS)
    assert _state(worker) == straight
    assert unpacked(worker) == ""
