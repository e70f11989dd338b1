import pytest

from installer.errors import DamagedError, RebootNeededError, StepError
from installer.staging import Staging
from installer.steps.cluster import NODE_UNIT
from installer.steps.driver import InstallDriver
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.staged import copy_of, spoil, stage
from tests.fakes.stepping import assert_settled, make_true


def step_of(made: MadeBundle, staging: Staging) -> InstallDriver:
    assert made.index.driver
    return InstallDriver(made.index.driver, made.index.only("driver"), staging)


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> InstallDriver:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_the_driver(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, "/models")).pending(node) == "nvidia-smi does not answer"


def test_the_installer_makes_nvidia_smi_answer(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    assert node.nvidia.module == "550.127.08"


def test_a_second_run_changes_nothing(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_every_gpu_answers_with_the_same_version(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    node.nvidia.gpus = 8
    assert step.pending(node) is None


def test_another_version_is_replaced(node: FakeNode, step: InstallDriver) -> None:
    node.give_program("/usr/bin/nvidia-smi", "535.183.06")
    node.nvidia.module = "535.183.06"
    assert step.pending(node) == "found 535.183.06"
    make_true(step, node)


def test_a_driver_without_a_gpu_is_not_enough(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.gpus = 0
    step.apply(node)
    assert step.pending(node) == "found no GPU"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("ERROR: The Nouveau kernel driver is currently in use by your system.", "nouveau is loaded"),
        ("ERROR: Unable to find the kernel source tree for the currently running kernel.", "kernel-devel"),
        ("ERROR: unable to find the development tool `cc` in your path", "install gcc and make"),
        ("ERROR: modprobe: Required key not available", "Secure Boot"),
        ("ERROR: something new", "read /var/log/nvidia-installer.log"),
    ],
)
def test_a_failed_installer_is_explained(node: FakeNode, step: InstallDriver, said: str, remedy: str) -> None:
    node.nvidia.fails_with = said
    with pytest.raises(StepError) as caught:
        step.apply(node)
    assert said in str(caught.value)
    assert remedy in caught.value.hint


def test_a_cluster_that_uses_the_gpus_is_stopped_first(node: FakeNode, made: MadeBundle, step: InstallDriver) -> None:
    install(node, made, HEAD)
    node.give_program("/usr/bin/nvidia-smi", "535.183.06")
    node.nvidia.module = "535.183.06"
    make_true(step, node)
    assert node.systemd.states.get(NODE_UNIT) is None


def test_a_module_that_stays_loaded_asks_for_a_reboot(node: FakeNode, step: InstallDriver) -> None:
    node.give_program("/usr/bin/nvidia-smi", "535.183.06")
    node.nvidia.module, node.nvidia.module_stays = "535.183.06", True
    with pytest.raises(RebootNeededError) as caught:
        step.apply(node)
    assert caught.value.exit_code == 20
    node.reboot()
    assert step.pending(node) is None


def test_an_installer_copy_that_changed_is_not_run(node: FakeNode, made: MadeBundle, step: InstallDriver) -> None:
    spoil(copy_of(node, made, "driver"))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert not node.finds("nvidia-smi")
