"""`preflight` as it is run in a node, and what it found there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed import cluster
from testbed.nodes import Node

from installer.preflight import PROBLEM, Finding
from tests.e2e.troubles import Trouble
from tests.fakes.preflight_document import read_document

INSTALLED = ("vllm-airgap", "preflight")


@dataclass(frozen=True)
class Look:
    """What one run told, and the seconds that it took."""

    code: int
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def names(self) -> set[str]:
        return {found.name for found in self.findings}

    @property
    def right_code(self) -> int:
        """What the run should have ended with."""
        problems = {found.name for found in self.findings if found.level == PROBLEM}
        return 2 if "options" in problems else 7 if problems else 0

    def of(self, name: str) -> list[Finding]:
        return [found for found in self.findings if found.name == name]


def carried(bundle: str = cluster.BUNDLE) -> tuple[str, ...]:
    """Before anything is installed: the bundle's own launcher, run by sh as on a medium that lets no program run."""
    return ("sh", f"{bundle}/install", "preflight", "--trusted-key", cluster.KEY)


def look(node: Node, *command: str) -> Look:
    """``command`` with its findings as a document, which is held to its schema."""
    began = time.monotonic()
    done = node.run(*command, "-o", "json", check=False)
    took = time.monotonic() - began
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr
    read_document(done.stdout.encode())
    rows = json.loads(done.stdout)["findings"]
    return Look(
        done.returncode, tuple(Finding(row["name"], row["level"], row["what"], row["fix"]) for row in rows), took
    )


@contextmanager
def condition(node: Node, make: str, undo: str) -> Iterator[None]:
    """Lines of a shell, in the node."""
    try:
        node.run("sh", "-euc", make)
        yield
    finally:
        node.run("sh", "-euc", undo)


def until(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def assert_only(seen: Look, names: set[str]) -> None:
    assert seen.names == names, seen.findings
    assert seen.code == seen.right_code


def assert_told(seen: Look, trouble: Trouble) -> None:
    assert [found.level for found in seen.of(trouble.name) if trouble.says in found.what] == [trouble.level], seen
    assert all(found.fix for found in seen.of(trouble.name))
    assert seen.code == seen.right_code
