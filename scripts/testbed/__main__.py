"""The testbed by hand: python -m testbed inputs | up NAME... | enter NAME [COMMAND...] | down | clean."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from testbed import inputs
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker
from testbed.network import Network
from testbed.nodes import ENVIRONMENT
from testbed.site import Site, standing

BUILD = Path(__file__).parents[2] / "build"
PREFIX = "hand"
USAGE = 2


def make_inputs(*_: str) -> None:
    began = time.monotonic()
    inputs.make_all(BUILD, lambda line: print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True))


def up(*names: str) -> None:
    """Fresh nodes, switched on; those of an earlier ``up`` are gone."""
    made = inputs.make_all(BUILD, print)
    site = Site(BUILD, PREFIX, names)
    site.create()
    for node in site.nodes.values():
        node.create(made.node_root)
        node.boot()
        print(f"{node.name}: {node.address}, its files are below {os.path.relpath(node.root)}")


def enter(name: str, *command: str) -> None:
    node = Site(BUILD, PREFIX, (name,)).nodes[name]
    words = node.entering(*(command or ("/bin/bash", "--login")))
    os.execvpe(words[0], words, {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")})  # noqa: S606


def down(*_: str) -> None:
    """Shuts the nodes down; their files stay until ``clean``."""
    for node in standing(BUILD, Network(PREFIX)):
        node.shut_down()


def clean(*_: str) -> None:
    """Removes nodes and network, and stops the host's dockerd; the inputs stay."""
    Site(BUILD, PREFIX, ()).remove()
    HostDocker(BUILD).stop()


ACTIONS: dict[str, Callable[..., None]] = {
    "inputs": make_inputs,
    "up": up,
    "enter": enter,
    "down": down,
    "clean": clean,
}


def main(words: list[str]) -> int:
    if not words or words[0] not in ACTIONS:
        print(__doc__, file=sys.stderr)
        return USAGE
    try:
        ACTIONS[words[0]](*words[1:])
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
