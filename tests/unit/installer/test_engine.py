import pytest

from installer.engine import own_dockerd, unused_containerd
from installer.systemd import unit_text
from tests.fakes.node import FakeNode


def test_a_bare_node_has_no_docker(node: FakeNode) -> None:
    assert own_dockerd(node) is None


def test_a_packaged_docker_is_the_nodes_own(node: FakeNode) -> None:
    node.give_program("/usr/bin/dockerd", "20.10.24")
    assert own_dockerd(node) == "/usr/bin/dockerd"


def test_a_docker_where_ours_goes_is_not_the_nodes_own(node: FakeNode) -> None:
    node.give_program("/usr/local/bin/dockerd", "27.4.0")
    assert own_dockerd(node) is None


KUBERNETES = b"[Service]\nExecStart=/usr/local/bin/containerd --config /etc/containerd/config.toml\n"


def test_a_bare_node_has_no_containerd(node: FakeNode) -> None:
    assert unused_containerd(node) is None


def test_a_packaged_containerd_is_the_nodes_own(node: FakeNode) -> None:
    node.give_program("/usr/bin/containerd")
    assert unused_containerd(node) == "/usr/bin/containerd"


@pytest.mark.parametrize("folder", ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"])
def test_a_containerd_with_a_unit_of_another_is_the_nodes_own(node: FakeNode, folder: str) -> None:
    """As Kubernetes' and nerdctl's instructions put it: the program lies where ours would."""
    node.give_program("/usr/local/bin/containerd")
    node.place(f"{folder}/containerd.service", KUBERNETES)
    assert unused_containerd(node) == f"{folder}/containerd.service"


def test_a_containerd_that_a_docker_uses_is_that_dockers(node: FakeNode) -> None:
    for folder in ("/usr/bin", "/usr/local/bin"):
        node.give_program(f"{folder}/containerd")
        node.give_program(f"{folder}/dockerd", "27.4.0")
        node.place("/usr/lib/systemd/system/containerd.service", KUBERNETES)
        assert unused_containerd(node) is None


def test_what_an_install_that_was_killed_left_is_ours(node: FakeNode) -> None:
    node.give_program("/usr/local/bin/containerd")
    assert unused_containerd(node) is None
    node.place("/etc/systemd/system/containerd.service", unit_text("containerd.service"))
    assert unused_containerd(node) is None
