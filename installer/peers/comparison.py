"""In what the nodes differ, as one table that names each of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from installer.peers.identity import Identity

MOST_APART = 5  # seconds between two clocks
_UNKNOWN = "-"
_SHOWN = 12  # digits of a digest


def _digest(text: str) -> str:
    return text.removeprefix("sha256:")[:_SHOWN]


def _bundle(node: Identity) -> str:
    return f"{node.bundle} {node.sequence} {_digest(node.digest)}" if node.digest else ""


def _gpus(node: Identity) -> str:
    return ", ".join(f"{count} x {name}" for name, count in Counter(node.gpus).items())


# What must be the same on all nodes; "" is what a node does not know yet, and no difference.
_COLUMNS: Mapping[str, Callable[[Identity], str]] = {
    "bundle": _bundle,
    "image": lambda node: _digest(node.image),
    "driver": lambda node: node.driver,
    "model": lambda node: _digest(node.model),
    "GPUs": _gpus,
    "MTU": lambda node: str(node.mtu or ""),
}


def differing(nodes: Sequence[Identity]) -> tuple[str, ...]:
    """The columns in which they do. The first node's clock is what the others' are compared with."""
    columns = [name for name, value in _COLUMNS.items() if len({value(node) for node in nodes} - {""}) > 1]
    return (*columns, *(("clock",) if any(abs(_apart(nodes, node)) > MOST_APART for node in nodes) else ()))


def table(nodes: Sequence[Identity]) -> tuple[str, ...]:
    """The differing columns, a row each node; empty where nothing differs."""
    columns = differing(nodes)
    if not columns:
        return ()
    rows = [(f"{node.ip} ({node.hostname})", *(_cell(nodes, node, name) for name in columns)) for node in nodes]
    return _aligned((("node", *columns), *rows))


def _aligned(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple("  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _cell(nodes: Sequence[Identity], node: Identity, column: str) -> str:
    if column == "clock":
        return f"{_apart(nodes, node):+d} s"
    return _COLUMNS[column](node) or _UNKNOWN


def _apart(nodes: Sequence[Identity], node: Identity) -> int:
    return node.clock - nodes[0].clock
