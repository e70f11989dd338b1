"""Addresses, and whether somebody answers at one."""

import http.client
import ipaddress
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """One IPv4 address of an interface of this node."""

    interface: str
    ip: str


def read_addresses(output: str) -> tuple[Address, ...]:
    """Of `ip -o -4 addr show`: lines like `2: eth0    inet 10.0.0.1/24 brd ... scope global eth0`."""
    found = []
    for line in output.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[2] == "inet":  # noqa: PLR2004
            found.append(Address(fields[1], fields[3].split("/")[0]))
    return tuple(found)


def is_node_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 address that another node could reach."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_reserved)


def connects(host: str, port: int, timeout: float) -> bool:
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def http_get(host: str, port: int, path: str, timeout: float) -> tuple[int, bytes] | None:
    """Status and body, or None while nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(1 << 20)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
