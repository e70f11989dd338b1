"""What a look between the nodes found, in the words of preflight."""

from collections.abc import Iterator, Sequence

from installer.node import Node
from installer.peers.comparison import differing, table
from installer.peers.doors import Opening
from installer.peers.identity import Identity
from installer.peers.probe import Probe, probe_all
from installer.peers.words import blocked_now, not_probed, remedy
from installer.preflight.finding import Finding, problem, warning

# What to type on another node; whoever knows what was typed on this one says it with those words.
LISTEN_THERE = "sh install --bundle FOLDER preflight --listen --nodes IP,IP,... --trusted-key FILE"
_LISTEN = (
    f"on each of them: {LISTEN_THERE} (where it is installed: systemctl start vllm-airgap-node); then this here again"
)


def look_between(node: Node, own: Identity, peers: Sequence[str], count: int, opening: Opening) -> tuple[Finding, ...]:
    """``count`` is how many nodes the cluster has; an absent peer is a warning, it may be switched on tomorrow."""
    return (*_doubles(node, own), *_of_peers(node, own, peers, count, opening))


def _doubles(node: Node, own: Identity) -> Iterator[Finding]:
    for place in node.addresses():
        if place.ip == own.ip and (mac := node.other_holder(place.interface, own.ip)):
            yield problem(
                "duplicate-address",
                f"{mac} on {place.interface} says that it has {own.ip} too: the nodes reach now one, now the other",
                f"find that machine by its MAC address (arping -D -I {place.interface} {own.ip} asks again), "
                "and give one of the two another address",
            )


def _of_peers(node: Node, own: Identity, peers: Sequence[str], count: int, opening: Opening) -> Iterator[Finding]:
    if count > 1 and peers:
        yield from findings_of(probe_all(node, own.ip, peers, opening), own)
    elif count > 1:
        unknown = f"the addresses of the other {count - 1} nodes are not known here"
        yield warning("peers-not-probed", unknown, "--nodes IP,IP,... lists all, head first")


def findings_of(probes: Sequence[Probe], own: Identity) -> Iterator[Finding]:
    for found in probes:
        if found.blocks:
            what, fix = "; ".join(map(blocked_now, found.blocks)), "; ".join(map(remedy, found.blocks))
            yield problem("peer-unreachable", what, fix)
    if absent := [found for found in probes if found.absent]:
        yield warning("peers-not-probed", f"not probed: {not_probed(absent)}", _LISTEN)
    known = (own, *(found.identity for found in probes if found.identity is not None))
    if columns := differing(known):
        what = "\n".join((f"the nodes differ in: {', '.join(columns)}", *table(known)))
        yield warning("peer-differs", what, "the same bundle and driver on every node, the same MTU, clocks set")
