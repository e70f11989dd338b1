"""Whether a worker may join its head: told and waited for, where a cluster that forms half would only hang."""

from collections.abc import Sequence

from installer.index.settings import MP_MASTER_PORT
from installer.node import Node
from installer.node.calls import REFUSED, REJECTED, SILENT
from installer.peers.doors import opened
from installer.peers.probe import Block, probe_all
from installer.peers.words import blocked, remedy
from installer.settings import NodeConfig


def head_missing(node: Node, config: NodeConfig) -> str | None:
    """What a worker still waits for, or None.

    A head whose cluster is up and where nobody answers probes is joined unprobed: its responder is gone.
    """
    (found,) = probe_all(node, config.node_ip, (config.head,), lambda: opened(node, config))
    if found.blocks:
        return _told(found.blocks)
    if found.absent and found.knock not in (REFUSED, REJECTED, SILENT):
        return f"the head {config.head} {found.absent}"
    if found.knock in (REJECTED, SILENT):
        return silence(config)
    must_be_up = found.knock == REFUSED or config.cluster.backend == "ray"
    return silence(config) if must_be_up and not node.connects(config.head, _meeting_port(config)) else None


def cut_off(node: Node, config: NodeConfig) -> str | None:
    """What does not get through between this worker and the others, or None: NCCL connects all with all.

    Those on which nobody answers are not waited for: they wait, and look, when they come.
    """
    others = [peer for peer in config.peers if peer != config.head]
    probes = probe_all(node, config.node_ip, others, lambda: opened(node, config))
    blocks = [block for found in probes for block in found.blocks]
    return _told(blocks) if blocks else None


def _told(blocks: Sequence[Block]) -> str:
    return "; ".join(f"{blocked(block)} ({remedy(block)})" for block in blocks)


def silence(config: NodeConfig) -> str:
    return f"the head {config.head}:{_meeting_port(config)} does not answer"


def _meeting_port(config: NodeConfig) -> int:
    return config.cluster.port if config.cluster.backend == "ray" else MP_MASTER_PORT
