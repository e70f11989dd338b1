"""A whole site: its network, the outside that counts, and its nodes."""

from pathlib import Path
from typing import Self

from testbed.network import Network
from testbed.nodes import Node
from testbed.outside import Outside

FIRST = 11  # 10.77.0.11 is the first node


class Site:
    """``with Site(build, "e2e", ("head", "worker")) as site``, then ``site.nodes["head"].create(...)``.

    ``prefix`` (short, without ``-``) keeps two sites apart, in ``build/nodes`` and on the host.
    Without ``watched`` the nodes have no route to anywhere; with it, a default route and a name server that
    lead to ``outside``, which counts what comes.
    """

    def __init__(self, build: Path, prefix: str, names: tuple[str, ...], *, watched: bool = False) -> None:
        self.build = build
        self.network = Network(prefix)
        self.outside = Outside(self.network, build=build)
        self.nodes = {
            name: Node(name, f"10.77.0.{number}", self.network, build=build, outside=self.outside if watched else None)
            for number, name in enumerate(names, FIRST)
        }

    def __enter__(self) -> Self:
        self.create()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def create(self) -> None:
        """The network alone; the nodes are created by whoever uses them. What an earlier run left is removed."""
        self.remove()
        self.network.create()
        self.outside.create()

    def remove(self) -> None:
        for node in (*self.nodes.values(), *standing(self.build, self.network)):
            node.remove()
        self.outside.remove()
        self.network.remove()


def standing(build: Path, network: Network) -> tuple[Node, ...]:
    """The nodes that there are, whoever created them."""
    prefix = network.namespace("")
    folders = sorted(path for path in build.glob(f"nodes/{prefix}*") if path.is_dir())
    return tuple(Node(path.name.removeprefix(prefix), "", network, build=build) for path in folders)
