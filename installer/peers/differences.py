"""In what this node's peers differ from it, once the cluster forms: told, never a reason to stop."""

from installer.node import Node
from installer.peers.comparison import table
from installer.peers.identity import identify
from installer.peers.probe import identities
from installer.settings import NodeConfig


def differences(node: Node, config: NodeConfig) -> tuple[str, ...]:
    """Lines: the table, and who did not answer. Nothing where all are the same."""
    if not config.peers:
        return ()
    probes = identities(node, config.node_ip, config.peers)
    known = (identify(node, config), *(found.identity for found in probes if found.identity is not None))
    silent = tuple(
        f"{found.peer} is not compared, it {found.absent or 'is closed to this node'}"
        for found in probes
        if not found.identity
    )
    rows = table(known)
    return (*(("the nodes differ:", *rows) if rows else ()), *silent)
