"""An installer that is killed, in each step, and run again."""

import json
import os
import signal
import time

import pytest
from testbed import cluster
from testbed.bundles import Release
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.trees import RESTLESS

JOURNAL = "/var/lib/vllm-airgap/journal.jsonl"
LIMIT = 300  # seconds for one run of the installer
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
    killed: list[str] = []
    while (step := _install_until_a_new_step(worker, killed)) is not None:
        killed.append(step)
    assert len(killed) >= 12
    assert "done" not in cluster.install(worker, *OPTIONS)
    assert _state(worker) == straight


def _install_until_a_new_step(node: Node, killed: list[str]) -> str | None:
    """SIGKILL as soon as the journal announces a step that was not killed before; None once it ran to its end."""
    process = node.spawn(*cluster.install_command(*OPTIONS))
    deadline = time.monotonic() + LIMIT
    while process.poll() is None:
        assert time.monotonic() < deadline
        new = [step for step in _begun(node) if step not in killed]
        if new:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return new[0]
        time.sleep(0.02)
    out, _ = process.communicate()
    assert process.returncode == 0, out.decode()
    return None


def _begun(node: Node) -> list[str]:
    journal = node.root / JOURNAL.lstrip("/")
    if not journal.exists():
        return []
    lines = [line for line in journal.read_text().splitlines() if line.endswith("}")]
    return [entry["step"] for entry in map(json.loads, lines) if entry["event"] == "begin"]
