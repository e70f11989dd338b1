"""The program on two machines with a switch between them: network namespaces that the tests make."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer.index.settings import PEER_PORT
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle, public_key

PROGRAM = 'import sys; from installer.cli import main; sys.argv[0] = "vllm-airgap"; main()'
HEAD, WORKER = "10.213.7.1", "10.213.7.2"
SWITCH = f"airgap-s{os.getpid()}"
SPACES = {HEAD: f"airgap-h{os.getpid()}", WORKER: f"airgap-w{os.getpid()}"}


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, timeout=30, text=True).stdout


@contextmanager
def space(name: str) -> Iterator[None]:
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        run("ip", "netns", "del", name)


@dataclass(frozen=True)
class World:
    made: MadeBundle
    key: Path

    def command(self, ip: str, *options: str) -> tuple[str, ...]:
        place = ("--nodes", f"{HEAD},{WORKER}", "--trusted-key", str(self.key))
        program = (sys.executable, "-c", PROGRAM, "preflight", str(self.made.folder), *place, *options)
        return ("ip", "netns", "exec", SPACES[ip], *program)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "VLLM_AIRGAP_RUNTIME": str(self.made.folder / "runtime.tar.gz")}

    def found(self, ip: str) -> dict[str, str]:
        """What preflight finds between the nodes, by name."""
        role = "head" if ip == HEAD else "worker"
        command = self.command(ip, "--role", role, "-o", "json")
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        findings = json.loads(done.stdout)["findings"]
        return {found["name"]: found["what"] for found in findings if found["name"].startswith(("peer", "duplicate"))}

    @contextmanager
    def listening(self, ip: str) -> Iterator[subprocess.Popen[str]]:
        command = self.command(ip, "--listen")
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                assert process.stdout.readline().startswith(f"answering at {ip}:{PEER_PORT}")
                time.sleep(0.3)
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    return make_bundle(tmp_path_factory.mktemp("medium"), Recipe())


@pytest.fixture
def world(made: MadeBundle) -> Iterator[World]:
    key = made.folder.parent / "release.pub"
    key.write_bytes(public_key().pem)
    with ExitStack() as spaces:
        for name in (SWITCH, *SPACES.values()):
            spaces.enter_context(space(name))
        run("ip", "-n", SWITCH, "link", "add", "switch", "type", "bridge")
        run("ip", "-n", SWITCH, "link", "set", "switch", "up")
        for number, (ip, name) in enumerate(SPACES.items()):
            port = f"port{number}"
            run("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", SWITCH, "link", "set", port, "master", "switch", "up")
            run("ip", "-n", name, "addr", "add", f"{ip}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        yield World(made, key)


OTHER = f"airgap-o{os.getpid()}"


@contextmanager
def plugged_in(name: str, port: str) -> Iterator[None]:
    """One more cable from the switch to the machine ``name``."""
    run("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "eth1", "netns", name)
    run("ip", "-n", SWITCH, "link", "set", port, "master", "switch", "up")
    run("ip", "-n", name, "link", "set", "eth1", "up")
    yield
    run("ip", "-n", SWITCH, "link", "del", port)


def close(ip: str, *rule: str) -> None:
    run("ip", "netns", "exec", SPACES[ip], "iptables", "-A", "INPUT", *rule)


def test_nodes_that_reach_each_other(world: World) -> None:
    with world.listening(WORKER):
        assert world.found(HEAD) == {}
    with world.listening(HEAD):
        assert world.found(WORKER) == {}


def test_ctrl_c_is_the_end_that_is_meant(world: World) -> None:
    with world.listening(WORKER) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


def test_an_absent_peer_costs_no_more_than_seconds(world: World) -> None:
    assert list(world.found(HEAD)) == ["peers-not-probed"]
    run("ip", "-n", SPACES[WORKER], "link", "set", "eth0", "down")
    began = time.monotonic()
    assert list(world.found(HEAD)) == ["peers-not-probed"]  # though the kernel remembers it
    took = time.monotonic() - began
    assert took < 5, took


def test_another_machine_with_the_same_address(world: World) -> None:
    with space(OTHER), plugged_in(OTHER, "port9"), world.listening(WORKER):
        run("ip", "-n", OTHER, "addr", "add", f"{HEAD}/24", "dev", "eth1")
        began = time.monotonic()
        what = world.found(HEAD)["duplicate-address"]
        assert time.monotonic() - began < 10
        (link,) = json.loads(run("ip", "-j", "-n", OTHER, "link", "show", "eth1"))
    assert what.startswith(f"{link['address']} on eth0 says that it has {HEAD} too")


def test_a_second_interface_of_this_machine_is_no_other(world: World) -> None:
    """Linux answers at each of them for every address that it has."""
    with plugged_in(SPACES[HEAD], "port8"), world.listening(WORKER):
        run("ip", "-n", SPACES[HEAD], "addr", "add", "10.213.7.9/24", "dev", "eth1")
        assert world.found(HEAD) == {}


def test_a_firewall_there_that_opens_only_what_somebody_listed(world: World) -> None:
    """As the firewalls that let Ray start and NCCL hang."""
    close(WORKER, "-p", "tcp", "-m", "multiport", "!", "--dports", f"22,6379:{PEER_PORT}", "--syn", "-j", "DROP")
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-unreachable"]
    assert what.startswith(
        f"{HEAD} -> {WORKER}: ports of the cluster (20000, 20500, 20999, 52365) and freely chosen ports, as NCCL"
    )
    assert ";" not in what


@pytest.mark.parametrize(("closed", "source", "target"), [(WORKER, HEAD, WORKER), (HEAD, WORKER, HEAD)])
@pytest.mark.parametrize("target_of_rule", ["DROP", "REJECT"])
def test_a_firewall_that_closes_ports_of_the_cluster_alone(
    world: World, closed: str, source: str, target: str, target_of_rule: str
) -> None:
    """REJECT without more looks like a port on which nobody listens."""
    close(closed, "-p", "tcp", "-m", "multiport", "--dports", "6380:6381,20999", "--syn", "-j", target_of_rule)
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-unreachable"]
    assert what == f"{source} -> {target}: ports of the cluster (6380-6381, 20999) are closed"


def test_a_firewall_here_that_rejects_calls(world: World) -> None:
    close(HEAD, "-p", "tcp", "--syn", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-unreachable"]
    assert what.startswith(f"{WORKER} -> {HEAD}: ports of the cluster (6379-6384, 20000, 20500, 20999, 52365) and")


@pytest.mark.parametrize("target", ["DROP", "REJECT"])
def test_a_firewall_there_that_lets_nothing_in(world: World, target: str) -> None:
    close(WORKER, "-p", "tcp", "--syn", "-j", target, *_rejected(target))
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-unreachable"]
    assert what == f"{HEAD} -> {WORKER}: port {PEER_PORT} is closed, though the machine is there"


def _rejected(target: str) -> tuple[str, ...]:
    return ("--reject-with", "icmp-host-prohibited") if target == "REJECT" else ()


def test_a_switch_that_loses_full_packets(world: World) -> None:
    """It drops what is too long for its port, and tells nobody."""
    for name in SPACES.values():
        run("ip", "-n", name, "link", "set", "eth0", "gso_max_segs", "1")  # as on a real wire, each packet by itself
    for port in ("port0", "port1"):
        run("ip", "-n", SWITCH, "link", "set", port, "mtu", "1400")
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-unreachable"]
    assert what == f"{HEAD} -> {WORKER}: small packets get through, large ones are lost on the way"


def test_interfaces_that_differ_in_their_packets(world: World) -> None:
    run("ip", "-n", SPACES[WORKER], "link", "set", "eth0", "mtu", "1400")
    with world.listening(WORKER):
        what = world.found(HEAD)["peer-differs"]
    assert what.startswith("the nodes differ in: MTU; ")
    assert f"{WORKER} (" in what
