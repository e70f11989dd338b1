from pathlib import Path

import pytest

from installer.driver.services import FABRIC_MANAGER, stop_services, stopped_services
from installer.errors import RefusedError, StepError
from installer.steps.fabric_manager import StartFabricManager
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true
from tests.fakes.systemd import UnitActions

STEP = StartFabricManager()
VERSION = "550.127.08"


def with_nvswitches(node: FakeNode, fabric_manager: str = VERSION) -> FakeNode:
    node.nvidia.add_nvswitches(4)
    node.nvidia.have(VERSION)
    if fabric_manager:
        give_fabric_manager(node, fabric_manager)
    return node


def give_fabric_manager(node: FakeNode, version: str = VERSION) -> None:
    node.give_program("/usr/bin/nv-fabricmanager", version)
    node.place(f"/usr/lib/systemd/system/{FABRIC_MANAGER}", b"[Service]\nExecStart=/usr/bin/nv-fabricmanager\n")
    node.systemd.reload()


def test_without_nvswitches_none_is_needed(node: FakeNode) -> None:
    node.nvidia.have(VERSION)
    assert_settled(STEP, node)


@pytest.mark.parametrize("state", ["Not Started", "In Progress"])
def test_gpus_that_wait_for_a_fabric_need_it_where_no_nvswitch_is_to_be_seen(node: FakeNode, state: str) -> None:
    """NVLink 5: B200, B300."""
    node.nvidia.have(VERSION)
    node.nvidia.fabric = state
    assert STEP.pending(node) == "there is no Fabric Manager"
    with pytest.raises(RefusedError, match="wait for their fabric, and there is no Fabric Manager") as caught:
        STEP.apply(node)
    assert "nvlsm" in caught.value.hint
    give_fabric_manager(node)
    make_true(STEP, node)
    assert node.systemd.states[FABRIC_MANAGER] == "active"
    assert_settled(STEP, node)


def test_gpus_that_the_host_of_a_virtual_machine_has_joined_need_none(node: FakeNode) -> None:
    node.nvidia.have(VERSION)
    node.nvidia.fabric = "Completed"
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


def test_one_that_ran_before_the_driver_was_replaced_runs_again(node: FakeNode) -> None:
    """Also where no NVSwitch is to be seen: it knew why it ran."""
    give_fabric_manager(node)
    node.nvidia.have(VERSION)
    node.systemd.command(("start", FABRIC_MANAGER))
    stop_services(node)
    assert STEP.pending(node) == "stopped for the driver"
    make_true(STEP, node)
    assert (node.systemd.states[FABRIC_MANAGER], stopped_services(node)) == ("active", ())
    assert_settled(STEP, node)


def test_one_that_was_stopped_and_is_of_the_driver_before_is_refused_with_the_package_to_add(node: FakeNode) -> None:
    give_fabric_manager(node, "535.183.06")
    node.nvidia.have(VERSION)
    node.systemd.command(("start", FABRIC_MANAGER))
    stop_services(node)
    with pytest.raises(RefusedError, match=f"Fabric Manager 535.183.06 is not of driver {VERSION}"):
        STEP.apply(node)


def test_one_that_does_not_start_says_where_to_read_why(node: FakeNode) -> None:
    with_nvswitches(node).systemd.actions[FABRIC_MANAGER] = UnitActions(start=lambda: "failed")
    with pytest.raises(StepError, match=f"Job for {FABRIC_MANAGER} failed") as caught:
        STEP.apply(node)
    assert caught.value.hint == f"journalctl -u {FABRIC_MANAGER}"
