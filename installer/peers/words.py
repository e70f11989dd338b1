"""What a person reads of a probe: what does not get through, and what to type where."""

from collections.abc import Sequence

from installer.index.settings import PEER_PORT
from installer.peers.probe import PACKETS, PORT, Block, Probe


def blocked(block: Block) -> str:
    """The same words every time, so that who waits says them once."""
    way = f"{block.source} -> {block.target}"
    if block.kind == PACKETS:
        return f"{way}: small packets get through, large ones are lost on the way"
    if block.port == PEER_PORT:
        return f"{way}: port {PEER_PORT} is closed, though the machine is there"
    return f"{way}: freely chosen ports, as NCCL and Gloo take them, are closed"


def blocked_now(block: Block) -> str:
    return blocked(block) + (f" (tried {block.port})" if block.kind == PORT and block.port != PEER_PORT else "")


def opening(block: Block) -> str:
    """Rules for all ports: those of NCCL and Gloo cannot be named."""
    source, target = block.source, block.target
    if block.kind == PACKETS:
        return (
            f"the MTU differs or a switch cuts it: ping -M do -s 1472 {target} on {source} tells; "
            "ip link set INTERFACE mtu 1500 on both, or mend the switch"
        )
    return (
        f"on {target}: firewall-cmd --permanent --zone=trusted --add-source={source}/32; firewall-cmd --reload"
        f" | with ufw: ufw allow from {source} | else: iptables -I INPUT -s {source} -j ACCEPT"
    )


def not_probed(probes: Sequence[Probe]) -> str:
    return "; ".join(f"{found.peer} {found.absent}" for found in probes)
