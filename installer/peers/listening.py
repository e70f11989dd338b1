"""`preflight --listen`: this node answers its peers' probes, by hand, before anything is installed."""

from collections.abc import Callable

from installer.errors import EnvironmentProblemError
from installer.index.settings import PEER_PORT
from installer.node import Node
from installer.peers.doors import Shared, fitting
from installer.peers.identity import identify
from installer.peers.probe import ask_identity
from installer.peers.responder import LIMITS, responder_of
from installer.settings import NodeConfig

LONGEST = 4 * 3600  # seconds; a terminal that was forgotten answers no longer


def listen(node: Node, config: NodeConfig, tell: Callable[[str], None], asked_to_stop: Callable[[], bool]) -> None:
    """Until asked to stop, or for four hours."""
    ends = node.clock() + LONGEST
    seen = {config.node_ip}

    def told(source: str) -> None:
        if source not in seen:  # a peer asks again and again
            seen.add(source)
            tell(f"asked by {source}")

    if ask_identity(node, config.node_ip, config.node_ip).identity is not None:
        tell(f"{config.node_ip}:{PEER_PORT} answers already: the cluster's unit on this node, or another --listen")
        return
    responder = responder_of(node, config, identify(node, config), Shared(lambda: fitting(node, config)), told)
    tell(f"answering at {config.node_ip}:{PEER_PORT} for {LONGEST // 3600} hours, Ctrl-C ends it")
    try:
        node.answer_calls(
            config.node_ip,
            PEER_PORT,
            responder.answer,
            LIMITS,
            lambda: node.clock() < ends and not asked_to_stop(),
        )
    except OSError as error:
        raise EnvironmentProblemError(
            f"{config.node_ip}:{PEER_PORT} cannot be had: {error.strerror}",
            hint=f"ss -ltnp 'sport = :{PEER_PORT}' names who has it",
        ) from None
