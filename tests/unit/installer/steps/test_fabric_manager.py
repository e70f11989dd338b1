from pathlib import Path

import pytest

from installer.driver.services import FABRIC_MANAGER
from installer.errors import RefusedError
from installer.steps.fabric_manager import StartFabricManager
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

STEP = StartFabricManager()
VERSION = "550.127.08"


def with_nvswitches(node: FakeNode, fabric_manager: str = VERSION) -> FakeNode:
    node.nvidia.add_nvswitches(4)
    node.nvidia.have(VERSION)
    if fabric_manager:
        node.give_program("/usr/bin/nv-fabricmanager", fabric_manager)
        node.place(f"/usr/lib/systemd/system/{FABRIC_MANAGER}", b"[Service]\nExecStart=/usr/bin/nv-fabricmanager\n")
    node.systemd.reload()
    return node


def test_without_nvswitches_none_is_needed(node: FakeNode) -> None:
    node.nvidia.have(VERSION)
    assert_settled(STEP, node)


def test_it_runs_from_now_and_from_boot_on(node: FakeNode) -> None:
    with_nvswitches(node)
    assert STEP.pending(node) == f"{FABRIC_MANAGER} is not enabled"
    make_true(STEP, node)
    assert node.systemd.states[FABRIC_MANAGER] == "active"
    assert_settled(STEP, node)


def test_one_that_only_stopped_is_started(node: FakeNode) -> None:
    make_true(STEP, with_nvswitches(node))
    node.systemd.command(("stop", FABRIC_MANAGER))
    assert STEP.pending(node) == f"{FABRIC_MANAGER} is not active"
    make_true(STEP, node)


def test_a_kill_converges(root: Path) -> None:
    assert assert_converges(lambda folder: (with_nvswitches(FakeNode(folder)), STEP), root) == 2


@pytest.mark.parametrize(
    ("version", "said"),
    [("", "there is no Fabric Manager"), ("550.90.07", f"Fabric Manager 550.90.07 is not of driver {VERSION}")],
)
def test_another_version_or_none_is_refused_with_the_package_to_add(node: FakeNode, version: str, said: str) -> None:
    with_nvswitches(node, version)
    assert STEP.pending(node) == said
    with pytest.raises(RefusedError, match=said) as caught:
        STEP.apply(node)
    assert f"nvidia-fabric-manager {VERSION}" in caught.value.hint


def test_no_running_container_loses_its_gpus(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    make_true(STEP, with_nvswitches(node))
    assert node.docker.containers == {}
