"""What no node can see of itself: in what the probed nodes differ, and whether they are those of the manifest."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePath

from bundler.findings import Finding, warned
from bundler.site.situation import Probed
from installer.errors import EnvironmentProblemError
from installer.hardware.gpus import gpu_of_device
from installer.preflight.gpu_driver import serving
from installer.preflight.network import usable_addresses

_WHERE = "cluster"
_LINK_LOCAL = "169.254."  # RFC 3927: of one cable alone, so that many machines have the same (to their BMC by USB)


def too_few_or_many(nodes: Sequence[Probed]) -> Iterator[Finding]:
    """Also what says nothing of the others."""
    wanted = nodes[0].at.index.cluster.nodes
    if len(nodes) < wanted:
        yield warned(
            "nodes-not-probed",
            "cluster.nodes",
            f"{wanted} nodes are to be, {len(nodes)} of them {'was' if len(nodes) == 1 else 'were'} probed",
            "let probe.sh run on the others too, and name each of their documents by --site",
        )
    elif len(nodes) > wanted:
        yield warned(
            "nodes-too-many",
            "cluster.nodes",
            f"{wanted} nodes are to be, {len(nodes)} were probed",
            f"set `nodes: {len(nodes)}` with parallel sizes that go with it, or name fewer documents",
        )


def same_host_name(nodes: Sequence[Probed]) -> Iterator[Finding]:
    hosts = [node.facts.network.hostname for node in nodes]
    for host in sorted({host for host in hosts if host and hosts.count(host) > 1}):
        yield warned(
            "same-hostname",
            _WHERE,
            f"{hosts.count(host)} documents are of a node named {host}: of one node twice, or of nodes that look the "
            "same in every log",
            "name each node's document once; if they are several nodes: hostnamectl set-hostname NAME",
        )


def same_address(nodes: Sequence[Probed]) -> Iterator[Finding]:
    """Networks inside the machines do not count: docker's own bridge has one address everywhere.

    Of others that we do not know it may be so too: a node is taken for another one's double where its way out has the
    address, or where it has no other.
    """
    holders: dict[str, list[Probed]] = {}
    for node in nodes:
        for address in _addresses(node):
            holders.setdefault(address, []).append(node)
    shared = {address: found for address, found in holders.items() if len(found) > 1}
    for address, found in sorted(shared.items()):
        is_grave = any(_is_way_out(node, address) or _has_no_other(node, shared) for node in found)
        yield Finding(
            "same-address",
            _WHERE,
            f"{' and '.join(node.name for node in found)} have the same address, {address}",
            "name each node's document once; if they are several nodes, give each an address of its own",
            EnvironmentProblemError.exit_code if is_grave else 0,
        )


def _is_way_out(node: Probed, address: str) -> bool:
    found = node.facts.network.interface_of(address)
    return found is not None and found.name == node.facts.network.default_route


def _has_no_other(node: Probed, shared: Collection[str]) -> bool:
    return all(address in shared for address in _addresses(node))


def _addresses(node: Probed) -> Iterator[str]:
    return (address for address in usable_addresses(node.facts.network) if not address.startswith(_LINK_LOCAL))


def different_drivers(nodes: Sequence[Probed]) -> Iterator[Finding]:
    """As they will be after an install."""
    yield from _different("different-drivers", "the NVIDIA driver", nodes, lambda node: serving(node.at), _ONE_DRIVER)


_ONE_DRIVER = "`driver:` in the manifest brings the same to all of them"


def different_kernels(nodes: Sequence[Probed]) -> Iterator[Finding]:
    fix = "boot the same on all; headers among `packages:` are for one kernel each"
    yield from _different("different-kernels", "the kernel", nodes, lambda node: node.facts.system.kernel, fix)


def different_gpus(nodes: Sequence[Probed]) -> Iterator[Finding]:
    fix = "none if the weakest has enough: it sets the pace, and the memory, for all"
    tell = gpus_of if all(node.facts.gpus.smi for node in nodes) else _gpus_on_bus
    yield from _different("different-gpus", "what GPUs there are", nodes, tell, fix)


def different_mtu(nodes: Sequence[Probed]) -> Iterator[Finding]:
    """A large packet that the other side does not take is lost without a word: NCCL hangs."""
    fix = "ip link set INTERFACE mtu NUMBER, the same on every node's interface of the network that they share"
    yield from _different("different-mtu", "the MTU", nodes, _mtu, fix)


def unused_packages(nodes: Sequence[Probed]) -> Iterator[Finding]:
    packages = nodes[0].at.index.packages
    kernels = {node.facts.system.kernel for node in nodes}
    for number, package in enumerate(packages.packages if packages else ()):
        if package.kernels and kernels.isdisjoint(package.kernels):
            yield warned(
                "packages-kernel",
                f"packages[{number}]",
                f"{PurePath(package.path).name} is for kernel {', '.join(package.kernels)}, and no probed node runs "
                f"that: they run {', '.join(sorted(kernels))}",
                "name the package for the kernel that the nodes run, or leave it out",
            )


RULES: tuple[Callable[[Sequence[Probed]], Iterator[Finding]], ...] = (
    too_few_or_many,
    same_host_name,
    same_address,
    different_drivers,
    different_kernels,
    different_gpus,
    different_mtu,
    unused_packages,
)


def gpus_of(node: Probed) -> str:
    """In words, with their memory where a driver tells it."""
    told = [f"{gpu.name} {gpu.memory} MiB" for gpu in node.facts.gpus.smi]
    return _counted(told) if told else _gpus_on_bus(node)


def _gpus_on_bus(node: Probed) -> str:
    """The same with a driver and without; by number what is not in our list."""
    known = [(gpu_of_device(gpu.device), gpu.device) for gpu in node.facts.gpus.drivable]
    return _counted([gpu.name if gpu else f"PCI 10de:{device}" for gpu, device in known])


def _counted(kinds: Sequence[str]) -> str:
    return ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)) or "no GPU"


def _mtu(node: Probed) -> str:
    """Of the interfaces by which another node could be reached."""
    network = node.facts.network
    found = {one.mtu for address in _addresses(node) if (one := network.interface_of(address)) and one.is_up}
    return " and ".join(map(str, sorted(found)))


def _different(
    rule: str, what: str, nodes: Sequence[Probed], tell: Callable[[Probed], str], fix: str
) -> Iterator[Finding]:
    """What is not known of a node is not compared."""
    told = {node.name: words for node in nodes if (words := tell(node))}
    if len(set(told.values())) > 1:
        differing = "; ".join(f"{name}: {words}" for name, words in told.items())
        yield warned(rule, _WHERE, f"{what} is not the same on all nodes: {differing}", fix)
