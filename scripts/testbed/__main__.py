"""The testbed by hand: `python -m testbed --help`."""

import argparse
import os
import sys
import time
from pathlib import Path

from testbed import inputs
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker
from testbed.nodes import ENVIRONMENT
from testbed.site import Site

BUILD = Path(__file__).parents[2] / "build"


def main() -> int:
    chosen = parser().parse_args()
    try:
        chosen.run(chosen)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="python -m testbed")
    whole.add_argument("--site", default="hand", help="which site, when there are several (default: %(default)s)")
    actions = whole.add_subparsers(dest="action", required=True)
    making = actions.add_parser("inputs", help="make every input that is absent")
    making.set_defaults(run=lambda _: make_inputs())
    starting = actions.add_parser("up", help="fresh nodes, switched on")
    starting.add_argument("names", nargs="+", metavar="NAME")
    starting.set_defaults(run=lambda chosen: up(chosen.site, tuple(chosen.names)))
    entering = actions.add_parser("enter", help="a shell, or one command, in a node")
    entering.add_argument("name")
    entering.add_argument("command", nargs=argparse.REMAINDER)
    entering.set_defaults(run=lambda chosen: enter(chosen.site, chosen.name, tuple(chosen.command)))
    stopping = actions.add_parser("down", help="switch the nodes off, remove them and their network")
    stopping.set_defaults(run=lambda chosen: down(chosen.site))
    cleaning = actions.add_parser("clean", help="the same, and stop the host's dockerd; the inputs stay")
    cleaning.set_defaults(run=lambda chosen: clean(chosen.site))
    return whole


def make_inputs() -> None:
    began = time.monotonic()
    inputs.make_all(BUILD, lambda line: print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True))


def up(prefix: str, names: tuple[str, ...]) -> None:
    """Those of an earlier ``up`` are gone."""
    made = inputs.make_all(BUILD, print)
    site = Site(BUILD, prefix, names)
    site.create()
    for node in site.nodes.values():
        node.create(made.node_root)
        node.boot()
        print(f"{node.name}: {node.address}, its files are below {os.path.relpath(node.root)}")


def enter(prefix: str, name: str, command: tuple[str, ...]) -> None:
    node = Site(BUILD, prefix, (name,)).nodes[name]
    words = node.entering(*(command or ("/bin/bash", "--login")))
    os.execvpe(words[0], words, {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")})  # noqa: S606


def down(prefix: str) -> None:
    Site(BUILD, prefix, ()).remove()


def clean(prefix: str) -> None:
    down(prefix)
    HostDocker(BUILD).stop_unused()


if __name__ == "__main__":
    sys.exit(main())
