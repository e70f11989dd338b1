"""Interfaces, addresses, names, firewalls and who listens."""

import ipaddress
import re
import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from installer.facts.seen import active_units, answer, names_in, said_by, text_of
from installer.sight import Sight

# 0A is TCP_LISTEN of the kernel's tcp_states.h.
_LISTENING: Final = re.compile(r"^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A ", re.MULTILINE)
EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104  # as a listener's
_LINK: Final = re.compile(r"\d+:\s+(\S+?)(?:@\S+)?:\s+<(\S*)>.*?\bmtu (\d+)")


@dataclass(frozen=True)
class Interface:
    """``addresses`` are its IPv4 addresses without their prefix lengths. Up is one with a carrier."""

    name: str
    mtu: int
    is_up: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """A TCP port on which somebody listens; ``address`` may be one of EVERY_ADDRESS."""

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
    ephemeral_ports: tuple[int, int]  # net.ipv4.ip_local_port_range; (0, 0) where it is not known

    def interface_of(self, address: str) -> Interface | None:
        return next((found for found in self.interfaces if address in found.addresses), None)


def gather_network(sight: Sight) -> NetworkFacts:
    addresses = read_addresses(said_by(sight, "ip", "-o", "-4", "addr", "show"))
    hostname = text_of(sight, "/proc/sys/kernel/hostname").strip()
    units = active_units(sight, "firewalld.service", "ufw.service")
    return NetworkFacts(
        interfaces=read_interfaces(said_by(sight, "ip", "-o", "link", "show"), addresses),
        default_route=read_default_route(said_by(sight, "ip", "-4", "route", "show", "default")),
        hostname=hostname,
        host_addresses=_host_addresses(sight, hostname),
        listeners=listeners(sight),
        rdma=names_in(sight, "/sys/class/infiniband"),
        firewalld="firewalld.service" in units,
        ufw="ufw.service" in units and read_ufw(text_of(sight, "/etc/ufw/ufw.conf")),
        ephemeral_ports=read_port_range(text_of(sight, "/proc/sys/net/ipv4/ip_local_port_range")),
    )


def listeners(sight: Sight) -> tuple[Listener, ...]:
    tables = (text_of(sight, f"/proc/net/{table}") for table in ("tcp", "tcp6"))
    return tuple(dict.fromkeys(found for table in tables for found in read_listeners(table)))


def read_addresses(text: str) -> Mapping[str, tuple[str, ...]]:
    """Of `ip -o -4 addr show`, by interface: `2: eth0    inet 10.0.0.1/24 brd ... scope global eth0`."""
    found = defaultdict(list)
    for fields in map(str.split, text.splitlines()):
        if len(fields) > 3 and fields[2] == "inet":  # noqa: PLR2004
            found[fields[1]].append(fields[3].split("/")[0])
    return {name: tuple(addresses) for name, addresses in found.items()}


def read_interfaces(text: str, addresses: Mapping[str, tuple[str, ...]]) -> tuple[Interface, ...]:
    r"""Of `ip -o link show`: `2: eth0@if7: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc ...\    link/ether ...`."""
    found = filter(None, map(_LINK.match, text.splitlines()))
    return tuple(
        Interface(name, int(mtu), "LOWER_UP" in flags.split(","), addresses.get(name, ()))
        for name, flags, mtu in (match.groups() for match in found)
    )


def read_default_route(text: str) -> str:
    """Of `ip -4 route show default`: `default via 10.0.0.254 dev eth0 proto dhcp metric 100`, the least metric.

    One over several paths has each in a line of its own, `nexthop via 10.0.0.254 dev eth0 weight 1`: the first counts.
    """
    routes = [route for route in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if route.startswith("default ")]
    ways = [(_metric(route), device[1]) for route in routes if (device := re.search(r"\bdev (\S+)", route))]
    return min(ways, key=lambda way: way[0])[1] if ways else ""


def read_host_addresses(text: str) -> tuple[str, ...]:
    """Of `getent ahostsv4 NAME`: an address, a kind of socket and perhaps the name in each line."""
    return tuple(dict.fromkeys(line.split()[0] for line in text.splitlines() if line.strip()))


def read_listeners(text: str) -> tuple[Listener, ...]:
    """Of /proc/net/tcp or tcp6 (proc(5)): `0: 0100007F:1F40 00000000:0000 0A ...`, in words of the host's order."""
    return tuple(
        Listener(_address(bytes.fromhex(address)), int(port, 16)) for address, port in _LISTENING.findall(text)
    )


def read_ufw(text: str) -> bool:
    """Of /etc/ufw/ufw.conf: its unit is active on every Ubuntu, also where ufw is off (ufw(8))."""
    return re.search(r"^[ \t]*ENABLED=[\"']?yes\b", text, re.MULTILINE | re.IGNORECASE) is not None


def read_port_range(text: str) -> tuple[int, int]:
    """Of net.ipv4.ip_local_port_range: `32768	60999`."""
    found = re.fullmatch(r"(\d+)\s+(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _metric(route: str) -> int:
    found = re.search(r" metric (\d+)", route)
    return int(found[1]) if found else 0


def _host_addresses(sight: Sight, hostname: str) -> tuple[str, ...]:
    """An air gap leaves DNS servers that never answer in resolv.conf; then the files alone are asked."""
    if not hostname:
        return ()
    output = answer(sight, "getent", "ahostsv4", hostname, timeout=2)
    if output.code < 0:  # killed
        output = answer(sight, "getent", "-s", "files", "ahostsv4", hostname)
    return read_host_addresses(output.stdout) if output.succeeded else ()


def _address(data: bytes) -> str:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    packed = struct.pack(f">{len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
