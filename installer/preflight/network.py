"""Whether the nodes will find and reach each other through this one's interfaces, names and ports."""

import re
from collections.abc import Iterator

from installer.facts.network import EVERY_ADDRESS, Listener, NetworkFacts
from installer.index.cluster_ports import WORKER_PORTS, named_ports, probed_ports
from installer.index.settings import PEER_PORT
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.situation import Situation

# Interfaces that lead to no other machine. Of bridges only docker's own: br-ex, br-mgmt or br0 may be the node's way.
_INSIDE = re.compile(
    r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}|virbr\d+|lxcbr\d+|lxdbr\d+|podman\d+|cni-podman\d+|cni\d+|nerdctl\d+"
    r"|flannel[.\d].*|kube-ipvs\d+|kube-bridge|nodelocaldns|(veth|cali|lxc|tunl|vxlan\.calico).*"
)


def options(at: Situation) -> Iterator[Finding]:
    """What is typed wrong for this node, beside all else that is wrong."""
    yield from at.options


def address(at: Situation) -> Iterator[Finding]:
    """Of any kind that could reach another node."""
    if not usable_addresses(at.facts.network):
        yield problem(
            "address",
            "this node has no IPv4 address that another node could reach",
            "ip addr add ADDRESS/24 dev INTERFACE, and make it stay; `ip link` lists the interfaces",
        )


def usable_addresses(network: NetworkFacts) -> tuple[str, ...]:
    """Those by which another machine could reach this one."""
    return tuple(
        address
        for interface in network.interfaces
        for address in interface.addresses
        if not address.startswith("127.") and not _leads_nowhere(interface.name)
    )


def _leads_nowhere(interface: str) -> bool:
    return _INSIDE.fullmatch(interface) is not None


def interface(at: Situation) -> Iterator[Finding]:
    if not at.member.node_ip or (found := at.facts.network.interface_of(at.member.node_ip)) is None:
        return
    if at.member.node_ip.startswith("127."):
        yield problem("interface", f"{at.member.node_ip} is on {found.name}, no other node reaches it", _OTHER_IP)
    elif found.name == "lo":
        yield warning(
            "interface",
            f"{at.member.node_ip} is on lo: other nodes reach it only where routes to it lead here, and NCCL takes the "
            "first address of an interface, which on lo is 127.0.0.1",
            _OTHER_IP,
        )
    elif _leads_nowhere(found.name):
        yield problem(
            "interface",
            f"{at.member.node_ip} is on {found.name}, a network inside this machine: no other node reaches it",
            _OTHER_IP,
        )
    elif not found.is_up:
        yield problem(
            "interface",
            f"{found.name} with {at.member.node_ip} is down",
            f"ip link set {found.name} up; is its cable in?",
        )


_OTHER_IP = "--node-ip with the address of the network that the nodes share"


def hostname(at: Situation) -> Iterator[Finding]:
    """Only a warning: the containers are told their interface by GLOO_SOCKET_IFNAME, and then nobody asks the name."""
    found = at.facts.network.host_addresses
    if at.index.cluster.nodes > 1 and any(address.startswith("127.") for address in found):
        yield warning(
            "hostname",
            f"this node's name {at.facts.network.hostname} resolves to {', '.join(found)}; the cluster names its "
            "interface and does not mind, but torchrun by hand hangs there (Gloo connectFullMesh failed)",
            f"in /etc/hosts: {at.member.node_ip or 'NODE-IP'} {at.facts.network.hostname}",
        )


def ports(at: Situation) -> Iterator[Finding]:
    """Any address counts: Ray (seen with 2.40: the GCS ends, the raylet ends), torch and the API listen on all of them.

    So somebody on 127.0.0.1 alone is in their way. Only our own responder listens on the node's address alone, and
    opens the others there for as long as a peer knocks.
    """
    if at.cluster_runs:
        return
    for port, whose in sorted(_needed_ports(at).items()):
        if found := _in_the_way(at, port):
            yield problem(
                "ports",
                f"port {port} is taken (by somebody at {found.address}), it is {whose}",
                f"ss -ltnp 'sport = :{port}' names who has it; stop that{_other_port(at, port)}",
            )


def _in_the_way(at: Situation, port: int) -> Listener | None:
    there = [found for found in _strange_listeners(at) if found.port == port]
    if port == PEER_PORT:
        there = [found for found in there if found.address in (*EVERY_ADDRESS, at.member.node_ip)]
    return next(iter(there), None)


def _strange_listeners(at: Situation) -> Iterator[Listener]:
    ours = probed_ports(at.index.cluster, is_head=_is_head(at)) if at.answers_peers else ()
    return (
        found for found in at.facts.network.listeners if not (found.port in ours and found.address == at.member.node_ip)
    )


def _needed_ports(at: Situation) -> dict[int, str]:
    needed = {at.index.serve.port: "the API's"} if _is_head(at) else {}
    if at.index.cluster.nodes > 1 and not at.answers_peers:
        needed[PEER_PORT] = "where nodes answer each other's probes"
    return needed | named_ports(at.index.cluster, is_head=_is_head(at))


def _is_head(at: Situation) -> bool:
    return at.member.role != "worker"


def _other_port(at: Situation, port: int) -> str:
    return ", or choose another: --set port=PORT" if port == at.index.serve.port else ""


def worker_ports(at: Situation) -> Iterator[Finding]:
    """Only warnings: Ray starts a worker anew whose port was taken, again and again if need be."""
    if at.index.cluster.backend != "ray" or at.cluster_runs:
        return
    low, high = WORKER_PORTS[0], WORKER_PORTS[-1]
    if taken := sorted({found.port for found in _strange_listeners(at) if found.port in WORKER_PORTS}):
        yield warning(
            "worker-ports",
            f"of the ports {low}-{high} of Ray's workers are taken: {', '.join(map(str, taken[:8]))}",
            f"ss -ltnp 'sport >= :{low} and sport <= :{high}' names who has them; stop that",
        )
    first, last = at.facts.network.ephemeral_ports
    if first <= high and low <= last:
        yield warning(
            "worker-ports",
            f"the kernel gives ports {first}-{last} to whoever connects, among them {low}-{high} of Ray's workers",
            'sysctl -w net.ipv4.ip_local_port_range="32768 60999", and the same in /etc/sysctl.d/',
        )


def firewall(at: Situation) -> Iterator[Finding]:
    """What it lets through only a probe between the nodes can tell."""
    active = [name for name, on in (("firewalld", at.facts.network.firewalld), ("ufw", at.facts.network.ufw)) if on]
    unprobed = at.peers is None or any(found.name == "peers-not-probed" for found in at.peers)
    if active and at.index.cluster.nodes > 1 and unprobed:
        others = [ip for ip in at.member.nodes if ip != at.member.node_ip] or ["PEER"]
        allow = {
            "firewalld": "; ".join(f"firewall-cmd --permanent --zone=trusted --add-source={ip}/32" for ip in others)
            + "; firewall-cmd --reload",
            "ufw": "; ".join(f"ufw allow from {ip}" for ip in others),
        }
        yield warning(
            "firewall",
            f"{' and '.join(active)} is active, and whether it lets the other nodes in was not probed; NCCL and Gloo "
            "choose their ports freely",
            "; ".join(allow[name] for name in active),
        )


def rdma(at: Situation) -> Iterator[Finding]:
    env, found = at.index.cluster.env, at.facts.network.rdma
    if at.index.cluster.nodes == 1:
        return
    if found and env.get("NCCL_IB_DISABLE") == "1":
        yield warning(
            "rdma",
            f"this node has RDMA ({', '.join(found)}), which NCCL_IB_DISABLE=1 leaves unused: TCP is slower by far",
            "--set NCCL_IB_DISABLE=0 on every node, if all have it",
        )
    if not found and ("NCCL_IB_HCA" in env or env.get("NCCL_IB_DISABLE") == "0"):
        yield warning(
            "rdma",
            "the settings ask for RDMA, and this node has no RDMA device: NCCL will use TCP here",
            "load the adapter's driver (`rdma link` lists devices), or: --set NCCL_IB_DISABLE=1",
        )


def duplicate_address(at: Situation) -> Iterator[Finding]:
    yield from _of_peers(at, "duplicate-address")


def peer_unreachable(at: Situation) -> Iterator[Finding]:
    """A firewall, or packets that a switch cuts: the cluster would form half, and hang."""
    yield from _of_peers(at, "peer-unreachable")


def peer_differs(at: Situation) -> Iterator[Finding]:
    yield from _of_peers(at, "peer-differs")


def peers_not_probed(at: Situation) -> Iterator[Finding]:
    """Peers that are not listening, perhaps not even switched on."""
    yield from _of_peers(at, "peers-not-probed")


def _of_peers(at: Situation, name: str) -> Iterator[Finding]:
    """What a look between the nodes found, if there was one."""
    return (found for found in at.peers or () if found.name == name)
