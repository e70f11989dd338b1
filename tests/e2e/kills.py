"""An installer that is killed, with all of its processes, at a moment that the test chooses."""

import json
import os
import signal
import time
from collections.abc import Callable

from testbed.nodes import Node

JOURNAL = "/var/lib/vllm-airgap/journal.jsonl"
LIMIT = 300  # seconds for one run of the installer


def kill_in_every_step(node: Node, *command: str) -> list[str]:
    """The same command again and again, each run killed in a step that was not killed before; the last ends well."""
    before, killed = len(begun(node)), list[str]()

    def new_step() -> str | None:
        return next((step for step in begun(node)[before:] if step not in killed), None)

    while (step := kill_at(node, new_step, *command)) is not None:
        killed.append(step)
    return killed


def kill_at(node: Node, moment: Callable[[], str | None], *command: str) -> str | None:
    """SIGKILL once ``moment`` has a name; its name, or None where the run ended before, and well."""
    process = node.spawn(*command)
    deadline = time.monotonic() + LIMIT
    while process.poll() is None:
        assert time.monotonic() < deadline
        if name := moment():
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return name
        time.sleep(0.02)
    out, _ = process.communicate()
    assert process.returncode == 0, out.decode()
    return None


def begun(node: Node) -> list[str]:
    """The titles of all steps that were ever begun on the node, in order."""
    journal = node.root / JOURNAL.lstrip("/")
    if not journal.exists():
        return []
    lines = [line for line in journal.read_text().splitlines() if line.endswith("}")]
    return [entry["step"] for entry in map(json.loads, lines) if entry["event"] == "begin"]


def unpacked(node: Node) -> str:
    """Where a program of the bundle was unpacked for one run, which the next run removes if that one was killed."""
    return node.run("find", "/tmp", "/var/tmp", "/run", "-maxdepth", "1", "-name", "vllm-airgap.*.*").stdout  # noqa: S108
