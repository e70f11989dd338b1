"""Whether a worker may join its head: told and waited for, where a cluster that forms half would only hang."""

from installer.index.settings import MP_MASTER_PORT
from installer.node import Node
from installer.node.calls import REFUSED, REJECTED, SILENT
from installer.peers.probe import probe
from installer.peers.words import blocked, opening
from installer.settings import NodeConfig


def head_missing(node: Node, config: NodeConfig) -> str | None:
    """What a worker still waits for, or None.

    A head whose cluster is up and where nobody answers probes is joined unprobed: its responder is gone.
    """
    found = probe(node, config.node_ip, config.head)
    if found.blocks:
        return "; ".join(f"{blocked(block)} ({opening(block)})" for block in found.blocks)
    if found.absent and found.knock not in (REFUSED, REJECTED, SILENT):
        return f"the head {config.head} {found.absent}"
    if found.knock in (REJECTED, SILENT):
        return silence(config)
    must_be_up = found.knock == REFUSED or config.cluster.backend == "ray"
    return silence(config) if must_be_up and not node.connects(config.head, _meeting_port(config)) else None


def silence(config: NodeConfig) -> str:
    return f"the head {config.head}:{_meeting_port(config)} does not answer"


def _meeting_port(config: NodeConfig) -> int:
    return config.cluster.port if config.cluster.backend == "ray" else MP_MASTER_PORT
