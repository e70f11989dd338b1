"""Whether a neighbour is there, whatever its firewall: every machine answers ARP for its address (RFC 826).

The kernel's own table will not do: it remembers a machine that is off for a minute, and does not ask before.
"""

import socket
import struct
import time
from collections.abc import Container

_ARP = 0x0806  # ETH_P_ARP
_FORM = "!HHBBH6s4s6s4s"
_ETHERNET, _IPV4, _REQUEST, _REPLY = 1, 0x0800, 1, 2
_EVERYBODY = b"\xff" * 6
_NOBODY = "0.0.0.0"  # noqa: S104  # binds nothing
_TRIES, _PROBES, _PATIENCE = 2, 3, 0.3  # seconds each


def answers(interface: str, own: str, peer: str) -> bool:
    """False also where nobody may ask (it takes root), on other links than Ethernet, and behind a router."""
    return bool(_who_has(peer, interface, own, _TRIES))


def other_holder(interface: str, ip: str, ours: Container[str]) -> str:
    """The MAC address of a machine that has our address too, none of ``ours``; "" also where nobody may ask.

    Less than a second. Asked as a probe of RFC 5227, in the name of nobody, so that no neighbour's table changes.
    """
    return _who_has(ip, interface, _NOBODY, _PROBES, ours)


def _who_has(ip: str, interface: str, own: str, tries: int, ours: Container[str] = ()) -> str:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ARP)) as line:
            line.bind((interface, _ARP))
            mac = line.getsockname()[4]
            if len(mac) != len(_EVERYBODY):
                return ""
            asked = (_asked(line, interface, _question(mac, own, ip), ours) for _ in range(tries))
            return next(filter(None, asked), "")
    except OSError:
        return ""


def _question(mac: bytes, own: str, ip: str) -> bytes:
    source, target = socket.inet_aton(own), socket.inet_aton(ip)
    return struct.pack(_FORM, _ETHERNET, _IPV4, 6, 4, _REQUEST, mac, source, bytes(6), target)


def _asked(line: socket.socket, interface: str, question: bytes, ours: Container[str]) -> str:
    line.sendto(question, (interface, _ARP, 0, 0, _EVERYBODY))
    deadline = time.monotonic() + _PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            data = line.recv(64)
        except TimeoutError:
            return ""
        if (mac := _answer_to(question, data)) and mac not in ours:
            return mac
    return ""


def _answer_to(question: bytes, data: bytes) -> str:
    """The MAC address that ``data`` gives for what was asked, or ""."""
    if len(data) < struct.calcsize(_FORM):
        return ""
    *_, target = struct.unpack(_FORM, question)
    _, _, _, _, kind, mac, ip, _, _ = struct.unpack_from(_FORM, data)
    return mac.hex(":") if (kind, ip) == (_REPLY, target) else ""
