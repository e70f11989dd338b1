"""Whatever a machine answers, facts are gathered, and soon."""

from pathlib import Path

import pytest

from installer.facts import Facts, gather
from installer.facts.gpus import GpuProcess
from installer.sight import Output
from tests.fakes.linux import FakeInterface, FakeMount
from tests.fakes.node import FakeNode
from tests.fakes.tree import stamped_tree

SOME = (
    "odd words: in, a [line] 0A 1 2\n\n::::\n{}\n\0\x00=\n- - - -\nPCI_CLASS=G\n0: 0:G 0A\n1: x: <> mtu y\n"
    "default dev\nindex, pid, name\n\u00b2, \u00b2, \u00b2\n   0: 00:0 0 0A\nMemTotal: x kB\n/dev/a 1 2 x 3% /\n"
)


class Strange:
    """Every program and every file is there, and all of them say ``text``, or cannot be read."""

    def __init__(self, text: str, code: int = 0, *, locked: bool = False) -> None:
        self.text, self.code, self.locked = text, code, locked
        self.patience: dict[str, float] = {}

    def ask(self, *command: str, timeout: float = 60) -> Output:
        self.patience[command[0]] = max(timeout, self.patience.get(command[0], 0))
        return Output(self.code, self.text, self.text)

    def read(self, path: str) -> bytes | None:
        if self.locked:
            raise PermissionError(path)
        return self.text.encode(errors="replace")

    def names(self, folder: str) -> tuple[str, ...]:
        if self.locked:
            raise PermissionError(folder)
        return ("a.conf", "0000:00:06.0", "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", ".X0-lock", "system")

    def finds(self, program: str) -> str | None:
        return f"/usr/bin/{program}"


@pytest.mark.parametrize(
    "text", ["", SOME, "\ufffd" * 9, "[]", "null", '{"ServerVersion": 1, "Runtimes": [1]}', "1 2\n" * 99]
)
@pytest.mark.parametrize("code", [0, 1, -9])
def test_nonsense_is_read_as_nothing(text: str, code: int) -> None:
    facts = gather(Strange(text, code))
    assert (facts.gpus.smi, facts.network.interfaces, facts.storage.mounts) == ((), (), ())


def test_what_may_not_be_read_is_empty() -> None:
    facts = gather(Strange("", 1, locked=True))
    assert (facts.gpus.pci, facts.system.selinux, facts.driver.nouveau_blocked) == ((), "", False)


def test_no_probe_may_keep_us_waiting_but_for_gpus_that_wake_up() -> None:
    strange = Strange("")
    gather(strange)
    assert strange.patience.pop("nvidia-smi") <= 180
    assert max(strange.patience.values()) <= 30


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def test_a_look_changes_nothing(node: FakeNode) -> None:
    node.nvidia.have("550.127.08")
    before = stamped_tree(node.root)
    gather(node)
    assert stamped_tree(node.root) == before
    assert node.changes.done == []


def looked_at(node: FakeNode) -> Facts:
    return gather(node)


def test_facts_follow_the_machine(node: FakeNode) -> None:
    node.free, node.ip, node.mtu = 5 << 30, "10.0.0.9", 9000
    node.system.arch, node.system.libc = "aarch64", ""
    node.clock_seconds = 86400
    facts = looked_at(node)
    root, eth0 = facts.storage.mount_of("/opt"), facts.network.interface_of("10.0.0.9")
    assert root is not None
    assert eth0 is not None
    assert (root.free, eth0.name, eth0.mtu, facts.system.machine, facts.system.libc) == (
        5 << 30,
        "eth0",
        9000,
        "aarch64",
        "",
    )
    assert (facts.system.clock, facts.network.host_addresses) == (86400, ("10.0.0.9",))


def test_facts_follow_the_kernel(node: FakeNode) -> None:
    node.linux.mounts.append(FakeMount("/models", "nas:/models", "nfs4", "ro", 2 << 30, 1 << 30))
    node.linux.interfaces.append(FakeInterface("ib0", "10.9.0.1", 2044, up=False))
    node.linux.listeners.append(("10.0.0.1", 6379))
    node.linux.secure_boot, node.linux.rdma, node.linux.cgroup = True, ["mlx5_0"], 1
    node.system.hosts["node1"] = ("127.0.1.1",)
    facts = looked_at(node)
    models, ib0 = facts.storage.mount_of("/models/qwen"), facts.network.interface_of("10.9.0.1")
    assert models is not None
    assert ib0 is not None
    assert (models.kind, models.free, ib0.is_up) == ("nfs4", 1 << 30, False)
    assert ("10.0.0.1", 6379) in [(found.address, found.port) for found in facts.network.listeners]
    assert (facts.system.secure_boot, facts.network.rdma, facts.system.cgroup) == (True, ("mlx5_0",), 1)
    assert facts.network.host_addresses == ("127.0.1.1",)


def test_facts_follow_the_driver(node: FakeNode) -> None:
    assert (looked_at(node).gpus.count, looked_at(node).driver.loaded) == (1, "")
    node.nvidia.have("550.127.08")
    node.nvidia.hold(812, "python3")
    facts = looked_at(node)
    assert (facts.driver.loaded, facts.driver.on_disk, facts.gpus.smi[0].name) == (
        "550.127.08",
        "550.127.08",
        "Tesla T4",
    )
    assert facts.gpus.processes == (GpuProcess(812, "python3", 1024, facts.gpus.smi[0].uuid),)


def test_facts_follow_docker(node: FakeNode) -> None:
    node.give_program("/usr/bin/docker")
    node.give_program("/usr/bin/dockerd", "20.10.24")
    node.rpm.owners["/usr/bin/dockerd"] = "docker-ce"
    assert looked_at(node).docker.error.startswith("Cannot connect")
    node.docker.start()
    docker = looked_at(node).docker
    assert docker.dockerd is not None
    assert (docker.dockerd.version, docker.dockerd.owner, docker.server) == ("20.10.24", "docker-ce", "20.10.24")
    node.docker.hangs = True
    assert looked_at(node).docker.error == "no answer in 10 s"
