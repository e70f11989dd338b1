"""Prints a line for each IPv4 packet that comes in at eth0; runs in the outside's namespace."""

import contextlib
import socket

IPV4 = 0x0800
NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp"}
WITH_PORTS = (6, 17)


def describe(packet: bytes) -> str:
    """``udp 10.77.0.11 -> 10.77.0.1:53``, and what a name server was asked, as far as it is text."""
    start = (packet[0] & 15) * 4
    protocol = packet[9]
    source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    port = f":{int.from_bytes(packet[start + 2 : start + 4])}" if protocol in WITH_PORTS else ""
    asked = "".join(chr(byte) if chr(byte).isalnum() else "." for byte in packet[start + 20 :])
    question = f" {asked.strip('.')}" if port == ":53" else ""
    return f"{NAMES.get(protocol, protocol)} {source} -> {target}{port}{question}"


def main() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4)) as wire:
        wire.bind(("eth0", IPV4))
        with contextlib.suppress(OSError):  # eth0 is gone, and with it the network
            while True:
                packet, sender = wire.recvfrom(2048)
                if sender[2] in {socket.PACKET_HOST, socket.PACKET_BROADCAST, socket.PACKET_MULTICAST}:
                    print(describe(packet), flush=True)


if __name__ == "__main__":
    main()
