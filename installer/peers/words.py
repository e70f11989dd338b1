"""What a person reads of a probe: what does not get through, and what to type where."""

from collections.abc import Sequence

from installer.index.settings import PEER_PORT
from installer.peers.probe import DOOR, PACKETS, Block, Probe


def blocked(block: Block) -> str:
    """The same words every time, so that who waits says them once."""
    way = f"{block.source} -> {block.target}"
    if block.kind == PACKETS:
        return f"{way}: small packets get through, large ones are lost on the way"
    if block.kind == DOOR:
        return f"{way}: port {PEER_PORT} is closed, though the machine is there"
    named = f"ports of the cluster ({_spans(block.named)})" if block.named else ""
    free = "freely chosen ports, as NCCL and Gloo take them," if block.free else ""
    return f"{way}: {' and '.join(filter(None, (named, free)))} are closed"


def blocked_now(block: Block) -> str:
    return blocked(block) + (f" (tried {_spans(block.free)})" if block.free else "")


def remedy(block: Block) -> str:
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
        f" (unless {source} itself lets nothing out: iptables -S OUTPUT there)"
    )


def not_probed(probes: Sequence[Probe]) -> str:
    return "; ".join(f"{found.peer} {found.absent}" for found in probes)


def _spans(ports: Sequence[int]) -> str:
    """Like "6379-6384, 20000"."""
    spans: list[list[int]] = []
    for port in sorted(ports):
        if spans and port == spans[-1][-1] + 1:
            spans[-1].append(port)
        else:
            spans.append([port])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)
