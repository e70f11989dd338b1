"""All that is found of probed nodes: by each one's own checks, of the documents, and of the nodes as a cluster."""

from collections.abc import Iterator, Sequence

from bundler.findings import Finding, warned
from bundler.site import cluster
from bundler.site.situation import Probed
from installer.errors import EnvironmentProblemError, RefusedError
from installer.preflight import MISFITS, PROBLEM, findings_of

# What lint can only guess at as long as it knows no node, and each node's own checks tell once all are known.
_ASKED_OF_NODES = frozenset(("driver-headers",))


def answered(nodes: Sequence[Probed]) -> frozenset[str]:
    """Rules of lint that have nothing to say beside what these ``nodes`` told."""
    knows_all = bool(nodes) and len(nodes) >= nodes[0].at.index.cluster.nodes
    return _ASKED_OF_NODES if knows_all else frozenset()


def check(nodes: Sequence[Probed]) -> Iterator[Finding]:
    for node in nodes:
        yield from _of_the_document(node)
        yield from _of_the_node(node)
    for rule in cluster.RULES:
        yield from rule(nodes)


def _of_the_node(node: Probed) -> Iterator[Finding]:
    for found in findings_of(node.at):
        grave = RefusedError if found.name in MISFITS else EnvironmentProblemError
        code = grave.exit_code if found.level == PROBLEM else 0
        yield Finding(found.name, node.name, found.what, found.fix, code)


def _of_the_document(node: Probed) -> Iterator[Finding]:
    if not node.site.by_root:
        yield warned(
            "site-not-by-root",
            node.name,
            f"{node.site.path} was not written by root: what docker runs there is not known",
            "let root run probe.sh on that node",
        )
    for question in node.site.cut:
        yield warned(
            "site-cut",
            node.name,
            f"{node.site.path} has only the beginning of what {question} told",
            "none: what is behind it is for the node's own preflight",
        )
