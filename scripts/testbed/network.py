"""The network of a site: one switch and a cable to each machine, all in network namespaces of their own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.commands import run

NAMESPACES = Path("/run/netns")
BRIDGE = "switch0"


@dataclass(frozen=True)
class Network:
    """The switch too has a namespace, so that no firewall rule and no dockerd of the host comes between the nodes.

    ``prefix`` begins the name of each namespace: networks of different prefixes know nothing of each other.
    """

    prefix: str

    def namespace(self, machine: str) -> str:
        return f"{self.prefix}-{machine}"

    def create(self) -> None:
        """Anew: what an earlier run left is removed."""
        self.remove()
        run("ip", "netns", "add", self._switch)
        silence_ipv6(self._switch)
        # No snooping: with it the switch itself reports to a multicast group, a packet that no node sent.
        self._ip("link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0")
        self._ip("link", "set", BRIDGE, "up")

    def remove(self) -> None:
        """With every cable: a namespace takes its interfaces along."""
        for name in self._namespaces():
            run("ip", "netns", "delete", name)

    def attach(self, machine: str, address: str) -> None:
        """A namespace for ``machine`` with eth0 at ``address``, without route to anywhere else."""
        self.detach(machine)
        own = self.namespace(machine)
        run("ip", "netns", "add", own)
        silence_ipv6(own)
        port = f"p-{machine}"[:15]
        self._ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", own)
        self._ip("link", "set", port, "master", BRIDGE, "up")
        run("ip", "-n", own, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", own, "link", "set", "lo", "up")
        run("ip", "-n", own, "link", "set", "eth0", "up")

    def detach(self, machine: str) -> None:
        port = f"p-{machine}"[:15]
        if self.namespace(machine) in self._namespaces():
            # The switch's end by hand: the namespace itself lives on while a last process dies in it.
            subprocess.run(("ip", "-n", self._switch, "link", "delete", port), check=False, capture_output=True)
            run("ip", "netns", "delete", self.namespace(machine))

    @property
    def _switch(self) -> str:
        return self.namespace("switch")

    def _ip(self, *words: str) -> None:
        run("ip", "-n", self._switch, *words)

    def _namespaces(self) -> list[str]:
        return sorted(path.name for path in NAMESPACES.glob(f"{self.prefix}-*"))


def silence_ipv6(namespace: str) -> None:
    """Its router and neighbour discovery speaks by itself, and would count as traffic of the product."""
    for interfaces in ("all", "default"):
        run_in(namespace, "sysctl", "--quiet", "--write", f"net.ipv6.conf.{interfaces}.disable_ipv6=1")


def inside(namespace: str, *command: str) -> tuple[str, ...]:
    """``command`` with the network of ``namespace`` and all else of the host (``ip netns exec`` hides /sys)."""
    return ("nsenter", f"--net={NAMESPACES / namespace}", "--", *command)


def run_in(namespace: str, *command: str) -> str:
    return run(*inside(namespace, *command))
