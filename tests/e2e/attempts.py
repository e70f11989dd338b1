"""A command that must be refused, and what it may change on the node: nothing."""

import subprocess

from testbed.nodes import Node
from testbed.trees import RESTLESS

# Log and state may tell of a refused run; the copies of the bundle's files must be gone.
OWN_STATE = ("/var/lib/vllm-airgap", "/var/log/vllm-airgap", "/run/vllm-airgap.lock")


def attempt(node: Node, *command: str, below: tuple[str, ...] = ("/",)) -> subprocess.CompletedProcess[str]:
    """Run, and hold the node to it: nothing but log and state is different afterwards."""
    without = (*RESTLESS, *OWN_STATE)
    before = node.tree_digest(*below, without=without)
    done = node.run(*command, check=False)
    assert node.tree_digest(*below, without=without) == before
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") <= 1
    return done


def copies(node: Node) -> list[str]:
    """Files of a bundle on the node."""
    found = node.run("find", "/var/lib/vllm-airgap", "-type", "f", check=False).stdout.split()
    return [path for path in found if not path.endswith("journal.jsonl")]
