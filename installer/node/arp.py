"""Whether a neighbour is there, whatever its firewall: every machine answers ARP for its address (RFC 826).

The kernel's own table will not do: it remembers a machine that is off for a minute, and does not ask before.
"""

import socket
import struct
import time

_ARP = 0x0806  # ETH_P_ARP
_FORM = "!HHBBH6s4s6s4s"
_ETHERNET, _IPV4, _REQUEST, _REPLY = 1, 0x0800, 1, 2
_EVERYBODY = b"\xff" * 6
_TRIES, _PATIENCE = 2, 0.3  # seconds each


def answers(interface: str, own: str, peer: str) -> bool:
    """False also where nobody may ask (it takes root), on other links than Ethernet, and behind a router."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ARP)) as line:
            line.bind((interface, _ARP))
            mac = line.getsockname()[4]
            return len(mac) == len(_EVERYBODY) and any(_asked(line, interface, mac, own, peer) for _ in range(_TRIES))
    except OSError:
        return False


def _asked(line: socket.socket, interface: str, mac: bytes, own: str, peer: str) -> bool:
    source, target = socket.inet_aton(own), socket.inet_aton(peer)
    question = struct.pack(_FORM, _ETHERNET, _IPV4, 6, 4, _REQUEST, mac, source, bytes(6), target)
    line.sendto(question, (interface, _ARP, 0, 0, _EVERYBODY))
    deadline = time.monotonic() + _PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            data = line.recv(64)
        except TimeoutError:
            return False
        if len(data) >= struct.calcsize(_FORM) and _is_reply_of(data, target):
            return True
    return False


def _is_reply_of(data: bytes, ip: bytes) -> bool:
    _, _, _, _, kind, _, sender, _, _ = struct.unpack_from(_FORM, data)
    return (kind, sender) == (_REPLY, ip)
