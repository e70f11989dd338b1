"""Preflight on real nodes: each check says what is wrong, and says it no more when that is mended; told in order."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from testbed import bundles, cluster
from testbed.bundles import Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from installer.preflight import PROBLEM, WARNING
from tests.e2e.attempts import attempt, copies
from tests.e2e.conftest import BUILD
from tests.e2e.preflights import INSTALLED, Look, carried, condition, look, until

HEAD, WORKER = "10.77.0.11", "10.77.0.12"
EVERYONE = ("--nodes", f"{HEAD},{WORKER}")
AS_HEAD = (*carried(), "--role", "head", *EVERYONE)
ALONE = (*carried(), "--role", "head", "--node-ip", HEAD)
MOST_SECONDS = 3
LISTENS_SECONDS = 20
# Of every node of the testbed, while nobody listens on the other one.
USUAL = {"container", "peers-not-probed"}
# Once the driver tells what the GPU is: a T4 has no bfloat16, in which the model is written.
USUAL_LATER = {*USUAL, "serve-plan"}
OWN = ("/boot", "/etc", "/opt", "/root", "/tmp", "/usr", "/var/lib/vllm-airgap")  # noqa: S108  # the node's
CLOSED = "though the machine is there"


@dataclass(frozen=True)
class Trouble:
    """``make`` and ``undo`` are lines of a shell in the node; ``says`` is in the text of the finding ``name``."""

    name: str
    says: str
    make: str = ":"
    undo: str = ":"
    level: str = PROBLEM
    options: tuple[str, ...] = ()
    id: str = ""


def _program(path: str, says: str) -> str:
    return f"printf '#!/bin/sh\\necho {says}\\n' >{path}; chmod 755 {path}"


def _pci(slot: str, kind: str, device: str) -> str:
    """A card on the pretended bus."""
    folder = f"/etc/testbed/pci/{slot}"
    return f"mkdir {folder}; printf 'PCI_CLASS={kind}\\nPCI_ID=10DE:{device}\\n' >{folder}/uevent"


BUILD_FOLDER = "/lib/modules/$(uname -r)/build"
SECOND = "0000:00:1f.0"
NO_COMPILER = ("mv /usr/bin/gcc /run/gcc", "mv /run/gcc /usr/bin/gcc")
NO_SECOND = f"rm -r /etc/testbed/pci/{SECOND}"
TROUBLES = (
    Trouble(
        *("ports", "port 6379 is taken (by somebody at 10.77.0.11), it is that of Ray's head"),
        make=f"systemd-run -q --unit=taken --socket-property=ListenStream={HEAD}:6379 /bin/cat",
        undo="systemctl stop taken.socket",
        id="the port of Ray's head is taken",
    ),
    Trouble(
        *("ports", "port 8000 is taken (by somebody at ::), it is the API's"),
        make="systemd-run -q --unit=taken --socket-property=ListenStream=8000 /bin/cat",
        undo="systemctl stop taken.socket",
        id="the API's port is taken",
    ),
    Trouble(
        *("worker-ports", "gives ports 20000-60999 to whoever connects"),
        make="cat /proc/sys/net/ipv4/ip_local_port_range >/run/range; "
        "echo 20000 60999 >/proc/sys/net/ipv4/ip_local_port_range",
        undo="cat /run/range >/proc/sys/net/ipv4/ip_local_port_range; rm /run/range",
        level=WARNING,
    ),
    Trouble(
        *("space", "/var/lib/vllm-airgap has 0.0 GiB free, "),
        make="mkdir /var/lib/vllm-airgap; mount -t tmpfs -o size=8m tmpfs /var/lib/vllm-airgap",
        undo="umount /var/lib/vllm-airgap; rmdir /var/lib/vllm-airgap",
    ),
    Trouble(
        *("writable", "/opt"),
        make="mount -t tmpfs -o ro tmpfs /opt",
        undo="umount /opt",
    ),
    Trouble(
        *("noexec", "/opt is mounted noexec, and the program's Python is started from /opt"),
        make="mount -t tmpfs -o noexec tmpfs /opt",
        undo="umount /opt",
        id="noexec on /opt",
    ),
    Trouble(
        *("noexec", "/var/lib/vllm-airgap is mounted noexec, and the driver's installer is started from"),
        make="mkdir /var/lib/vllm-airgap; mount -t tmpfs -o noexec,size=99g tmpfs /var/lib/vllm-airgap",
        undo="umount /var/lib/vllm-airgap; rmdir /var/lib/vllm-airgap",
        id="noexec where the driver unpacks",
    ),
    Trouble(
        "options", "--node-ip: '10.77.0.99' is on no interface", options=("--node-ip", "10.77.0.99"), id="wrong IP"
    ),
    Trouble(
        *("options", "an address stands twice"),
        options=("--nodes", f"{HEAD},{HEAD}"),
        id="the same IP twice",
    ),
    Trouble(
        *("address", "no IPv4 address that another node could reach"),
        make="ip address flush dev eth0",
        undo=f"ip address add {HEAD}/24 dev eth0",
    ),
    Trouble(
        *("interface", "10.88.0.1 is on br-lan, a network inside this machine"),
        make="ip link add br-lan type bridge; ip address add 10.88.0.1/24 dev br-lan; ip link set br-lan up",
        undo="ip link delete br-lan",
        options=("--nodes", f"10.88.0.1,{WORKER}"),
    ),
    Trouble(
        *("hostname", "this node's name head resolves to 127.0.1.1"),
        make="cp /etc/hosts /run/hosts; sed -i 's/.*head$/127.0.1.1 head/' /etc/hosts",
        undo="cp /run/hosts /etc/hosts; rm /run/hosts",
        level=WARNING,
    ),
    Trouble(
        *("firewall", "ufw is active, and whether it lets the other nodes in was not probed"),
        make="mkdir /etc/ufw; echo ENABLED=yes >/etc/ufw/ufw.conf; systemd-run -q --unit=ufw sleep infinity",
        undo="systemctl stop ufw; rm -r /etc/ufw",
        level=WARNING,
    ),
    Trouble(
        *("clock", "this node's clock says 2020-01-01, but the bundle's image was made on 20"),
        make=_program("/usr/local/bin/date", "1577836800"),
        undo="rm /usr/local/bin/date",
        level=WARNING,
    ),
    Trouble(
        *("gpus", "no NVIDIA GPU is on this node's PCI bus, the bundle is for 1"),
        make="mv /etc/testbed/pci/* /run/",
        undo="mv /run/0000:* /etc/testbed/pci/",
        id="no GPU",
    ),
    Trouble(
        *("gpu-models", "GPUs of 2 models: 10de:1eb8, 10de:2335"),
        make=_pci(SECOND, "30200", "2335"),
        undo=NO_SECOND,
        level=WARNING,
    ),
    Trouble(
        *("driver-kind", "driver 550.127.08 does not know 10de:2901, a Blackwell GPU"),
        make=f"{_pci(SECOND, '30200', '2901')}; mv /etc/testbed/pci/0000:00:1e.0 /run/",
        undo=f"mv /run/0000:00:1e.0 /etc/testbed/pci/; {NO_SECOND}",
    ),
    Trouble(
        *("fabric-manager", "1 NVSwitches need the Fabric Manager of driver 550.127.08, this node has none"),
        make=_pci(SECOND, "68000", "22A3"),
        undo=NO_SECOND,
    ),
    Trouble(
        *("nouveau", "nouveau drives the GPUs: an install blocks it"),
        make="echo DRIVER=nouveau >>/etc/testbed/pci/0000:00:1e.0/uevent",
        undo="sed -i /^DRIVER=/d /etc/testbed/pci/0000:00:1e.0/uevent",
        level=WARNING,
    ),
    Trouble(
        *("display-server", "a display server runs"),
        make="systemd-run -q --unit=display-manager sleep infinity",
        undo="systemctl stop display-manager",
    ),
    Trouble(
        *("build-tools", "there are no headers of the running kernel"),
        make=f"mv {BUILD_FOLDER} /run/build",
        undo=f"mv /run/build {BUILD_FOLDER}",
        id="headers missing",
    ),
    Trouble(
        *("build-tools", "there is no compiler (gcc)"),
        make=NO_COMPILER[0],
        undo=NO_COMPILER[1],
        id="compiler missing",
    ),
    Trouble(
        *("docker-version", "/usr/bin/dockerd is docker 20.10.5, older than 20.10.10"),
        make=_program("/usr/bin/dockerd", "Docker version 20.10.5, build 363e9a8"),
        undo="rm /usr/bin/dockerd",
    ),
    Trouble(
        *("containerd", "/usr/bin/containerd is this node's own containerd"),
        make=_program("/usr/bin/containerd", "containerd github.com/containerd/containerd 1.6.16 31aa4358a36870b2"),
        undo="rm /usr/bin/containerd",
    ),
    Trouble(
        *("kubelet", "kubelet runs on this node"),
        make="systemd-run -q --unit=kubelet sleep infinity",
        undo="systemctl stop kubelet",
        level=WARNING,
    ),
    Trouble(
        "shm", "shm_size is 999g, more than half of this node's", level=WARNING, options=("--set", "shm_size=999g")
    ),
)
# On an installed node, whose docker and driver answer.
LATER_TROUBLES = (
    Trouble(
        *("container-name", "a container named vllm-airgap-node is not ours (image vllm-airgap:1, created)"),
        make="docker create --name vllm-airgap-node vllm-airgap:1 >/dev/null",
        undo="docker rm vllm-airgap-node >/dev/null",
    ),
    Trouble(
        *("gpu-busy", "GPU 0 (Tesla T4) has 1360 of 15360 MiB free, vLLM will want 0.90 of it"),
        make="sed -i.whole 's/,15360,0,/,15360,14000,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        *("mig", "MIG is on for GPU 0"),
        make="sed -i.whole 's,\\[N/A\\],Enabled,' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        *("gpu-too-old", "compute capability 3.5"),
        make="sed -i.whole 's/,7.5,/,3.5,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        *("serve-plan", "does not fit"),
        make="sed -i.whole 's/,15360,0,/,300,0,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        *("docker-silent", "docker is there and does not answer: "),
        make="systemctl stop docker.service",
        undo="systemctl start docker.service",
        level=WARNING,
    ),
)


def _ids(troubles: tuple[Trouble, ...]) -> list[str]:
    return [trouble.id or trouble.name for trouble in troubles]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(BUILD, "pre", ("head", "worker")) as site:
        yield site


@pytest.fixture(scope="module", autouse=True)
def _nodes_are_on(made: Inputs, release: Release, head: Node, worker: Node) -> None:
    for node in (head, worker):
        cluster.start(node, made.node_root, release)


@pytest.fixture(scope="module")
def wide(made: Inputs, release: Release, head: Node, worker: Node) -> str:
    """Where both nodes have another bundle by the same makers, for nodes with two GPUs."""
    folder = BUILD / "e2e" / "wide-release"
    bundles.clear(folder)
    folder.mkdir(parents=True)
    for path in (release.key, release.public_key):
        shutil.copy(path, folder)
    description = folder / bundles.MANIFEST
    description.write_text(bundles.manifest(made, Wish(name="wide", gpus_per_node=2)))
    bundles.build_described(description, HostDocker(BUILD), folder / "wide", folder / release.key.name)
    for node in (head, worker):
        node.carry(folder / "wide")
    return "/media/usb/wide"


@contextmanager
def _listening(worker: Node, head: Node, *command: str) -> Iterator[None]:
    """`preflight --listen` on the worker, ended as by Ctrl-C."""
    process = worker.spawn(*command, "--role", "worker", *EVERYONE, "--listen")
    until(lambda: "peers-not-probed" not in look(head, *AS_HEAD).names, LISTENS_SECONDS)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert f"asked by {HEAD}" in out.decode()


def _has(seen: Look, names: set[str]) -> None:
    assert seen.names == names, seen.findings
    assert seen.code == _code(seen)


def _fires(seen: Look, trouble: Trouble) -> None:
    assert [found.level for found in seen.of(trouble.name) if trouble.says in found.what] == [trouble.level], seen
    assert all(found.fix for found in seen.of(trouble.name))
    assert seen.code == _code(seen)


def _code(seen: Look) -> int:
    problems = {found.name for found in seen.findings if found.level == PROBLEM}
    return 2 if "options" in problems else 7 if problems else 0


def test_it_takes_seconds_and_changes_nothing(head: Node) -> None:
    before = head.tree_digest("/")
    seen = look(head, *ALONE)
    assert head.tree_digest("/") == before
    _has(seen, USUAL)
    assert seen.seconds < MOST_SECONDS


def test_the_table_tells_the_same(head: Node) -> None:
    done = head.run(*ALONE)
    assert done.stdout.startswith("bundle   testbed testbed 1, sequence 1, by trusted key\nwarning  container ")
    assert done.stdout.endswith("2 warnings\n")


@pytest.mark.parametrize("trouble", TROUBLES, ids=_ids(TROUBLES))
def test_a_check_fires_until_its_cause_is_gone(head: Node, trouble: Trouble) -> None:
    with condition(head, trouble.make, trouble.undo):
        _fires(look(head, *AS_HEAD, *trouble.options), trouble)
    _has(look(head, *AS_HEAD), USUAL)


def test_too_few_gpus(head: Node, wide: str) -> None:
    """Of one bundle for nodes with two."""
    command = (*carried(wide), "--role", "head", *EVERYONE)
    few = Trouble("gpus", "this node has 1 GPU, the bundle is for 2 on each node")
    _fires(look(head, *command), few)
    with condition(head, _pci(SECOND, "30200", "1EB8"), NO_SECOND):
        _has(look(head, *command), USUAL)


@pytest.fixture(scope="module")
def listening(head: Node, worker: Node, wide: str) -> Iterator[None]:
    with _listening(worker, head, *carried()):
        yield


def test_nodes_that_reach_each_other_have_nothing_to_say(head: Node, listening: None) -> None:
    _has(look(head, *AS_HEAD), USUAL - {"peers-not-probed"})


DROP = "INPUT -p tcp --syn -j DROP"
REJECT = "INPUT -p tcp --dport 7000:65535 -j REJECT --reject-with icmp-admin-prohibited"


@pytest.mark.parametrize(
    ("closed", "rule", "says"),
    [
        ("worker", DROP, f"{HEAD} -> {WORKER}: port 6385 is closed, {CLOSED}"),
        ("worker", REJECT, f"{HEAD} -> {WORKER}: freely chosen ports, as NCCL and Gloo take them, are closed"),
        ("head", DROP, f"{WORKER} -> {HEAD}: freely chosen ports, as NCCL and Gloo take them, are closed"),
    ],
    ids=["all of the worker", "the worker's high ports", "the way back"],
)
def test_a_firewall_between_the_nodes(site: Site, listening: None, closed: str, rule: str, says: str) -> None:
    head = site.nodes["head"]
    with condition(site.nodes[closed], f"iptables -I {rule}", f"iptables -D {rule}"):
        _fires(look(head, *AS_HEAD), Trouble("peer-unreachable", says))
    _has(look(head, *AS_HEAD), USUAL - {"peers-not-probed"})


def test_another_mtu(head: Node, listening: None) -> None:
    with condition(head, "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500"):
        seen = look(head, *AS_HEAD)
    _fires(seen, Trouble("peer-differs", "the nodes differ in: MTU", level=WARNING))
    assert "10.77.0.11 (head)    1400; 10.77.0.12 (worker)  1500" in seen.of("peer-differs")[0].what


def test_another_bundle(head: Node, listening: None, wide: str) -> None:
    with condition(head, _pci(SECOND, "30200", "1EB8"), NO_SECOND):
        seen = look(head, *carried(wide), "--role", "head", *EVERYONE)
    _fires(seen, Trouble("peer-differs", "the nodes differ in: bundle", level=WARNING))


AS_WORKER = cluster.install_command("--role", "worker", *EVERYONE)


def test_an_install_stops_at_a_problem_before_it_changes_anything(worker: Node, listening: None) -> None:
    with condition(worker, *NO_COMPILER):
        done = attempt(worker, *AS_WORKER)
    assert done.returncode == 7
    assert "this node is not ready, nothing was changed:\n  build-tools: there is no compiler (gcc)" in done.stderr
    assert "fix: install gcc" in done.stderr
    assert copies(worker) == []


def test_what_is_ignored_is_told_and_stops_nothing(worker: Node) -> None:
    with condition(worker, *NO_COMPILER):
        said = worker.run(*AS_WORKER, "--ignore-preflight", "build-tools", timeout=900).stdout
    assert "ignored  build-tools" in said
    assert "there is no compiler (gcc)" in said
    assert f"waiting  not reached yet: head {HEAD}" in said


def test_an_installed_node_takes_seconds_too_and_nothing_changes(worker: Node) -> None:
    before = worker.tree_digest(*OWN)
    seen = look(worker, *INSTALLED)
    assert worker.tree_digest(*OWN) == before
    _has(seen, USUAL_LATER)
    assert seen.seconds < MOST_SECONDS


@pytest.mark.parametrize("trouble", LATER_TROUBLES, ids=_ids(LATER_TROUBLES))
def test_a_check_fires_on_an_installed_node(worker: Node, trouble: Trouble) -> None:
    with condition(worker, trouble.make, trouble.undo):
        _fires(look(worker, *INSTALLED), trouble)
    _has(look(worker, *INSTALLED), USUAL_LATER)


def test_an_installed_node_answers_by_its_own_unit(head: Node) -> None:
    """What the head does not know yet, its driver, is no difference."""
    _has(look(head, *AS_HEAD), USUAL - {"peers-not-probed"})
