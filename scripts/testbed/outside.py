"""The outside world, as an isolated node would see it: it answers nothing and counts every packet."""

import subprocess
import sys
from pathlib import Path

from testbed import network
from testbed.cgroups import ControlGroup
from testbed.network import Network

MACHINE = "outside"
ADDRESS = "10.77.0.1"
NOWHERE = "192.0.2.1"  # of TEST-NET-1: no machine has it
ARRIVALS = Path(__file__).with_name("arrivals.py")
SEND_ONE = """\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
    wire.sendto(b"one packet", (sys.argv[1], 9))
"""


class Outside:
    """A machine on the nodes' network: their default route and name server lead to it (``Node(..., outside=)``)."""

    def __init__(self, own: Network, *, build: Path) -> None:
        self.network = own
        self._log = build.absolute() / f"nodes/{own.namespace(MACHINE)}.arrivals"
        self._cgroup = ControlGroup(f"testbed-{own.namespace(MACHINE)}")
        self._writer: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        self.remove()
        self.network.attach(MACHINE, ADDRESS)
        for program in ("iptables", "ip6tables"):
            self._run(program, "--table", "raw", "--append", "PREROUTING", "--in-interface", "eth0", "--jump", "DROP")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._cgroup.create()
        writing = network.inside(self.network.namespace(MACHINE), sys.executable, "-I", str(ARRIVALS))
        with self._log.open("wb") as log:  # and nothing of whoever creates it: it may outlive that
            self._writer = subprocess.Popen(
                self._cgroup.entering(*writing),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def remove(self) -> None:
        """With its writer, also that of an earlier run."""
        self._cgroup.remove()
        if self._writer:
            self._writer.wait()
            self._writer = None
        self.network.detach(MACHINE)
        self._log.unlink(missing_ok=True)

    def lead_out(self, machine: str) -> None:
        """Gives ``machine`` its default route."""
        run_at = self.network.namespace(machine)
        network.run_in(run_at, "ip", "route", "replace", "default", "via", ADDRESS)

    def count(self) -> int:
        """IP packets that have arrived since ``create``; ARP, by which nodes find each other, is none."""
        return sum(self._dropped(program) for program in ("iptables", "ip6tables"))

    def arrivals(self) -> list[str]:
        """What arrived, in words, to say where a packet was bound that should not have been sent."""
        return self._log.read_text().splitlines()

    def control_packet(self, machine: str) -> None:
        """Exactly one packet from ``machine`` to nowhere: what a count of 0 is worth, this shows."""
        sender = (sys.executable, "-I", "-c", SEND_ONE, NOWHERE)
        network.run_in(self.network.namespace(machine), *sender)

    def _dropped(self, program: str) -> int:
        rules = self._run(f"{program}-save", "--counters", "--table", "raw").splitlines()
        (rule,) = (line for line in rules if line.endswith("-j DROP"))
        return int(rule.removeprefix("[").split(":")[0])

    def _run(self, *command: str) -> str:
        return network.run_in(self.network.namespace(MACHINE), *command)
