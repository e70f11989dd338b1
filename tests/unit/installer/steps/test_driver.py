from pathlib import Path

import pytest

from installer.container import CONTAINER
from installer.driver.nouveau import BLOCKED
from installer.errors import DamagedError, EnvironmentProblemError, RebootNeededError, RefusedError, StepError
from installer.facts.distribution import RED_HAT
from installer.hardware.driver_decision import Wanted
from installer.staging import Staging
from installer.steps.cluster import NODE_UNIT
from installer.steps.driver import InstallDriver
from installer.steps.gpu_services import RestartServices
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.docker import FakeContainer, id_of
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.staged import copy_of, spoil, stage
from tests.fakes.stepping import assert_converges, assert_settled, make_true

VERSION, OLDER, NEWER = "550.127.08", "535.183.06", "580.65.06"
OLDEST_BRANCH = Recipe(driver="535.230.02")


def step_of(made: MadeBundle, staging: Staging) -> InstallDriver:
    assert made.index.driver
    wanted = Wanted(made.index.driver.version, RED_HAT, lambda _: False)
    return InstallDriver(wanted, made.index.only("driver"), staging)


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> InstallDriver:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_the_driver(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, "/models")).pending(node) == "nvidia-smi does not answer"


def test_the_installer_makes_nvidia_smi_answer(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    assert node.nvidia.module == VERSION


def test_a_second_run_changes_nothing(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_every_gpu_answers_with_the_same_version(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    node.nvidia.gpus = 8
    assert step.pending(node) is None


@pytest.mark.parametrize("version", [OLDER, NEWER])
def test_another_version_is_replaced(node: FakeNode, step: InstallDriver, version: str) -> None:
    node.nvidia.have(version)
    assert step.pending(node) == f"found {version}"
    make_true(step, node)
    assert_settled(step, node)


def test_a_kill_while_another_version_is_replaced_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, InstallDriver]:
        node = FakeNode(folder)
        node.nvidia.have(OLDER)
        serve_dcgm(node)
        return node, step_of(made, stage(node, made))

    # the record of services, dcgm, two modules, the installer
    assert assert_converges(start, root) == 5


def test_a_driver_without_a_gpu_is_not_enough(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.gpus = 0
    step.apply(node)
    assert step.pending(node) == f"driver {VERSION} is loaded, but drives no GPU: No devices were found"
    with pytest.raises(RefusedError) as caught:
        step.apply(node)
    assert "dmesg" in caught.value.hint


def test_after_a_new_kernel_the_module_is_built_again(node: FakeNode, step: InstallDriver) -> None:
    make_true(step, node)
    node.nvidia.on_disk, node.nvidia.module = "", ""
    assert step.pending(node) == "nvidia-smi does not answer"
    make_true(step, node)


# --- a slow or silent nvidia-smi


def test_a_right_driver_that_is_slow_to_answer_is_kept(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(VERSION)
    node.nvidia.takes = 60
    assert_settled(step, node)


@pytest.mark.parametrize("version", [VERSION, OLDER])
def test_a_driver_that_does_not_answer_in_time_is_left_alone(node: FakeNode, step: InstallDriver, version: str) -> None:
    node.nvidia.have(version)
    node.nvidia.takes = 999
    assert "no answer in 180 s" in (step.pending(node) or "")
    node.changes.forget()
    with pytest.raises(EnvironmentProblemError, match="no answer in 180 s") as caught:
        step.apply(node)
    assert "nvidia-smi -pm 1" in caught.value.hint
    assert node.changes.done == []


def test_whether_the_driver_holds_is_asked_once(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(VERSION)
    step.pending(node)
    node.nvidia.asked = 0
    assert step.pending(node) is None
    assert node.nvidia.asked == 0


def test_what_a_look_before_saw_holds_only_for_the_same_driver(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(VERSION)
    assert step.pending(node) is None
    node.nvidia.have(OLDER)
    assert step.pending(node) == f"found {OLDER}"
    node.at("/usr/bin/nvidia-smi").unlink()
    assert step.pending(node)


def test_an_answer_that_was_none_is_asked_for_again(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(VERSION)
    node.nvidia.takes = 999
    assert step.pending(node)
    node.nvidia.takes = 0
    assert step.pending(node) is None


def test_before_a_driver_is_replaced_a_look_is_taken_anew(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    assert step.pending(node)
    node.nvidia.takes = 999
    with pytest.raises(EnvironmentProblemError, match="no answer"):
        step.apply(node)
    assert node.nvidia.module == OLDER


# --- options


def test_a_server_without_dkms_gets_what_it_needs(node: FakeNode, step: InstallDriver) -> None:
    step.apply(node)
    assert node.nvidia.options == ("--silent", "--no-opengl-files")


def test_dkms_is_used_and_opengl_kept_where_they_are_there(node: FakeNode, step: InstallDriver) -> None:
    node.give_program("/usr/sbin/dkms")
    node.give_program("/usr/bin/Xorg")
    step.apply(node)
    assert node.nvidia.options == ("--silent", "--dkms")


def test_blackwell_gets_open_modules(node: FakeNode, tmp_path: Path) -> None:
    node.nvidia.plug_in(1, device="2901")
    made = make_bundle(tmp_path / "made", Recipe(driver="570.124.06"))
    step_of(made, stage(node, made)).apply(node)
    assert "--kernel-module-type=open" in node.nvidia.options


def test_a_gpu_of_a_virtual_machine_has_no_say_in_the_kind_of_modules(node: FakeNode, tmp_path: Path) -> None:
    node.nvidia.plug_in(1, device="2901")
    node.nvidia.pass_on("1EB8")
    made = make_bundle(tmp_path / "made", Recipe(driver=NEWER))
    step_of(made, stage(node, made)).apply(node)
    assert "--kernel-module-type=open" in node.nvidia.options


# --- failures


def test_a_failed_installer_is_quoted_and_explained(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.fails_with = "ERROR: Unable to find the kernel source tree for the currently running kernel."
    with pytest.raises(StepError) as caught:
        step.apply(node)
    assert node.nvidia.fails_with in str(caught.value)
    assert "kernel-devel" in caught.value.hint


def test_a_failure_that_nobody_knows_names_the_log(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.fails_with = "ERROR: something new"
    with pytest.raises(StepError, match="something new") as caught:
        step.apply(node)
    assert caught.value.hint == "read /var/log/nvidia-installer.log"


def test_what_the_installer_says_now_counts_more_than_an_older_log(node: FakeNode, made: MadeBundle) -> None:
    step = step_of(made, stage(node, made))
    node.nvidia.fails_with = "No space left on device"
    with pytest.raises(StepError) as caught:
        step.apply(node)
    assert "make room" in caught.value.hint


def test_an_installer_copy_that_changed_is_not_run(node: FakeNode, made: MadeBundle, step: InstallDriver) -> None:
    spoil(copy_of(node, made, "driver"))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert not node.finds("nvidia-smi")


# --- packages


def test_a_packaged_driver_of_another_version_is_refused(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    node.rpm.owners["/usr/bin/nvidia-smi"] = "nvidia-driver-cuda"
    with pytest.raises(RefusedError, match=f"driver {OLDER} is of package nvidia-driver-cuda") as caught:
        step.apply(node)
    assert caught.value.hint.startswith("yum remove nvidia-driver-cuda")
    assert node.nvidia.module == OLDER


def test_a_packaged_driver_of_the_right_version_stays(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(VERSION)
    node.rpm.owners["/usr/bin/nvidia-smi"] = "nvidia-driver-cuda"
    assert_settled(step, node)


def test_a_packaged_driver_with_which_the_image_runs_stays(node: FakeNode, made: MadeBundle) -> None:
    wanted = Wanted(VERSION, RED_HAT, lambda has: has == NEWER)
    step = InstallDriver(wanted, made.index.only("driver"), stage(node, made))
    node.nvidia.have(NEWER)
    node.rpm.owners["/usr/bin/nvidia-smi"] = "nvidia-driver-cuda"
    assert_settled(step, node)


# --- what holds the GPUs


def test_a_cluster_that_uses_the_gpus_is_stopped_first(node: FakeNode, made: MadeBundle, step: InstallDriver) -> None:
    install(node, made, HEAD)
    node.nvidia.have(OLDER)
    node.nvidia.hold(77, "VLLM::EngineCor", f"0::/system.slice/docker-{id_of(CONTAINER)}.scope")
    node.docker.containers[CONTAINER].on_end = lambda: node.nvidia.let_go(77)
    make_true(step, node)
    assert node.systemd.states.get(NODE_UNIT) is None


@pytest.mark.parametrize(
    ("cgroup", "said"),
    [
        ("0::/user.slice/user-0.slice/session-1.scope", "python3 (4711)"),
        ("12:devices:/system.slice/train.service\n0::/system.slice/train.service", "python3 (4711, train.service)"),
        (f"0::/system.slice/docker-{id_of('lab')}.scope", "python3 (4711, container lab)"),
        (f"4:memory:/docker/{id_of('lab')}", "python3 (4711, container lab)"),
        (f"4:memory:/docker/{'ab' * 32}", "python3 (4711, container abababababab)"),
    ],
    ids=["session", "service", "container", "container with cgroupfs", "container that just went"],
)
def test_a_stranger_on_the_gpus_is_named_and_left_alone(
    node: FakeNode, made: MadeBundle, step: InstallDriver, cgroup: str, said: str
) -> None:
    install(node, made, HEAD)
    node.docker.containers["lab"] = FakeContainer("some image", ("sleep",))
    node.nvidia.have(OLDER)
    node.nvidia.hold(4711, "python3", cgroup)
    node.changes.forget()
    with pytest.raises(EnvironmentProblemError, match="the GPUs are in use") as caught:
        step.apply(node)
    assert str(caught.value).endswith(f": {said}")
    assert node.changes.done == []


def test_a_stranger_is_seen_also_where_the_kernel_tells_no_modules(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    node.nvidia.hold(4711, "python3")
    node.at("/proc/modules").unlink()
    with pytest.raises(EnvironmentProblemError, match="the GPUs are in use"):
        step.apply(node)


def test_who_holds_no_gpu_is_no_stranger(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    node.nvidia.hold(4711, "python3")
    node.nvidia.let_go(4711)
    make_true(step, node)


def test_a_display_is_named_and_left_alone(node: FakeNode, step: InstallDriver) -> None:
    node.systemd.states["display-manager.service"] = "active"
    with pytest.raises(EnvironmentProblemError, match="a display server runs") as caught:
        step.apply(node)
    assert "systemctl isolate multi-user.target" in caught.value.hint


def test_nvidias_services_are_stopped_and_run_again(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    serve_dcgm(node)
    make_true(step, node)
    assert "nvidia-dcgm.service" not in node.systemd.states
    assert RestartServices().pending(node) == "stopped for the driver: nvidia-dcgm.service"
    make_true(RestartServices(), node)
    assert node.systemd.states["nvidia-dcgm.service"] == "active"
    assert_settled(RestartServices(), node)


def serve_dcgm(node: FakeNode) -> None:
    node.give_program("/usr/bin/nv-hostengine")
    node.place("/usr/lib/systemd/system/nvidia-dcgm.service", b"[Service]\nExecStart=/usr/bin/nv-hostengine\n")
    node.systemd.reload()
    node.systemd.command(("start", "nvidia-dcgm.service"))


def test_a_module_that_stays_is_installed_beside_and_asks_for_a_reboot(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.have(OLDER)
    node.nvidia.module_stays = True
    with pytest.raises(RebootNeededError, match=f"the kernel has {OLDER} loaded") as caught:
        step.apply(node)
    assert caught.value.exit_code == 20
    assert "--skip-module-load" in node.nvidia.options
    assert step.pending(node) == f"driver {VERSION} is installed, but the kernel has {OLDER} loaded"
    with pytest.raises(RebootNeededError):
        step.apply(node)
    node.reboot()
    assert step.pending(node) is None


def test_branch_535_cannot_be_installed_beside_a_module_that_stays(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "made", OLDEST_BRANCH)
    step = step_of(made, stage(node, made))
    node.nvidia.have(VERSION)
    node.nvidia.module_stays = True
    with pytest.raises(EnvironmentProblemError, match="cannot be unloaded: rmmod: ERROR: Module nvidia_uvm is in use"):
        step.apply(node)
    assert node.nvidia.on_disk == VERSION


# --- nouveau


def test_nouveau_is_blocked_and_gone_after_the_reboot(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.nouveau = True
    assert step.pending(node) == "nouveau drives the GPUs"
    with pytest.raises(RebootNeededError, match="nouveau drives the GPUs"):
        step.apply(node)
    assert b"blacklist nouveau" in (node.read(BLOCKED) or b"")
    assert not node.finds("nvidia-smi")
    node.reboot()
    make_true(step, node)
    assert_settled(step, node)


def test_the_file_that_blocks_nouveau_is_kept_for_uninstall(step: InstallDriver) -> None:
    assert step.replaces == (BLOCKED,)


def test_a_kill_before_the_initramfs_is_rebuilt_is_made_up_for(node: FakeNode, step: InstallDriver) -> None:
    node.nvidia.nouveau = True
    node.place(BLOCKED, b"of a run that was killed")
    with pytest.raises(RebootNeededError):
        step.apply(node)
    assert not node.nvidia.nouveau_in_initramfs


@pytest.mark.parametrize("program", ["dracut", "update-initramfs"])
def test_nouveau_stays_out_of_a_newer_kernel_that_the_reboot_brings(
    node: FakeNode, step: InstallDriver, program: str
) -> None:
    """An update placed it, and it has an initramfs of its own."""
    node.at("/usr/bin/dracut").unlink()
    node.give_program(f"/usr/bin/{program}")
    node.nvidia.nouveau = True
    node.nvidia.next_kernel = "newer"
    with pytest.raises(RebootNeededError):
        step.apply(node)
    node.reboot()
    assert not node.nvidia.nouveau


def test_debian_rebuilds_the_initramfs_in_its_own_way(node: FakeNode, step: InstallDriver) -> None:
    node.at("/usr/bin/dracut").unlink()
    node.give_program("/usr/sbin/update-initramfs")
    node.nvidia.nouveau = True
    with pytest.raises(RebootNeededError):
        step.apply(node)
    assert node.changes.done[-1] == "initramfs -u -k all"


def test_without_a_way_to_rebuild_the_initramfs_a_person_must(node: FakeNode, step: InstallDriver) -> None:
    node.at("/usr/bin/dracut").unlink()
    node.nvidia.nouveau = True
    with pytest.raises(EnvironmentProblemError, match="neither dracut nor update-initramfs"):
        step.apply(node)
