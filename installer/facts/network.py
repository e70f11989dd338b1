"""Interfaces, addresses, names, firewalls and who listens."""

from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class Interface:
    """``addresses`` are its IPv4 addresses without their prefix lengths."""

    name: str
    mtu: int
    is_up: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """A TCP port on which somebody listens; ``address`` "0.0.0.0" and "::" are every address."""

    address: str
    port: int


@dataclass(frozen=True)
class NetworkFacts:
    """``host_addresses`` is what the node's own name resolves to (`getent ahostsv4`)."""

    interfaces: tuple[Interface, ...]
    default_route: str  # the interface, or "" where there is none
    hostname: str
    host_addresses: tuple[str, ...]
    listeners: tuple[Listener, ...]
    rdma: tuple[str, ...]  # names in /sys/class/infiniband
    firewalld: bool  # active
    ufw: bool  # active
    ephemeral_ports: tuple[int, int]  # net.ipv4.ip_local_port_range

    def interface_of(self, address: str) -> Interface | None:
        return next((found for found in self.interfaces if address in found.addresses), None)


def gather_network(sight: Sight) -> NetworkFacts:
    raise NotImplementedError
