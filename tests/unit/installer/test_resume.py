"""Installs that reboot their node by themselves: how they go on, and when they give up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from installer.errors import AirgapError, RebootNeededError, StepError
from installer.node.paths import PROGRAM
from installer.resume import RESUME_UNIT, attended, resume, through_reboots, withdraw
from installer.stop_request import InterruptedRunError
from installer.systemd import unit_path, wanted_link
from tests.fakes.bundle import MadeBundle
from tests.fakes.changes import KilledError
from tests.fakes.installing import HEAD, install, install_again, resume_install
from tests.fakes.node import FakeNode
from tests.fakes.tree import settled_tree

OLDER = "535.183.06"
LEFT = (unit_path(RESUME_UNIT), wanted_link(RESUME_UNIT), "/var/lib/vllm-airgap/reboots.json")


def left(node: FakeNode) -> list[str]:
    return [path for path in LEFT if node.at(path).exists() or node.at(path).is_symlink()]


@pytest.fixture
def node(root: Path, made: MadeBundle) -> FakeNode:
    """It goes on after a boot as systemd makes it, and has the program that it does that with."""
    node = FakeNode(root)
    node.give_program(PROGRAM)

    def go_on(_ignored: tuple[str, ...]) -> None:
        resume_install(node)

    node.on_resume = lambda: resume(node, go_on)
    return node


def begin(node: FakeNode, made: MadeBundle) -> None:
    def go_on() -> None:
        install(node, made, HEAD)

    through_reboots(node, go_on, ())


def failing(error: BaseException) -> Callable[[], None]:
    def go_on() -> None:
        raise error

    return go_on


def needs_reboot(reason: str = "nouveau drives the GPUs") -> Callable[[], None]:
    return failing(RebootNeededError(reason))


def after_all(go_on: Callable[[], None]) -> Callable[[tuple[str, ...]], None]:
    """Whatever was ignored."""
    return lambda _ignored: go_on()


# --- the way through


def test_an_install_goes_on_after_the_reboot_and_leaves_nothing(node: FakeNode, made: MadeBundle) -> None:
    node.nvidia.nouveau = True
    with pytest.raises(RebootNeededError) as caught:
        begin(node, made)
    assert (caught.value.exit_code, node.systemd.is_rebooting) == (20, True)
    assert caught.value.hint.startswith("rebooting now; it goes on by itself")
    node.reboot()
    assert node.nvidia.module == "550.127.08"
    assert (left(node), node.systemd.is_rebooting) == ([], False)
    install_again(node, made, HEAD)


def test_two_reboots_for_two_reasons(node: FakeNode, made: MadeBundle) -> None:
    node.nvidia.nouveau = True
    with pytest.raises(RebootNeededError):
        begin(node, made)
    node.nvidia.nouveau_in_initramfs = False
    node.nvidia.on_disk, node.nvidia.module_stays = OLDER, True
    node.give_program("/usr/bin/nvidia-smi", OLDER)
    node.reboot()
    assert node.systemd.is_rebooting
    node.nvidia.module_stays = False
    node.reboot()
    assert (node.nvidia.module, left(node)) == ("550.127.08", [])


def test_an_install_that_needs_no_reboot_leaves_nothing(node: FakeNode, made: MadeBundle) -> None:
    begin(node, made)
    assert left(node) == []
    assert not node.systemd.is_rebooting


def test_the_unit_is_there_before_the_machine_goes_down(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    assert node.changes.done[-3:] == ["systemctl daemon-reload", f"systemctl enable {RESUME_UNIT}", "systemctl reboot"]
    assert left(node) == list(LEFT)


def test_the_unit_holds_no_option(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    assert b"ExecStart=/usr/local/sbin/vllm-airgap resume\n" in (node.read(unit_path(RESUME_UNIT)) or b"")


def test_what_a_person_ignored_stays_ignored_after_every_reboot(node: FakeNode) -> None:
    heard = []

    def go_on(ignored: tuple[str, ...]) -> None:
        heard.append(ignored)
        if len(heard) == 1:
            raise RebootNeededError("another reason")

    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ("gpus", "space"))
    node.on_resume = lambda: resume(node, go_on)
    node.reboot()
    node.reboot()
    assert heard == [("gpus", "space"), ("gpus", "space")]


# --- the ends


def test_the_same_reason_after_a_reboot_ends_it(node: FakeNode) -> None:
    """Of nouveau, say, that came back by a way that nobody blocked."""
    node.on_resume = lambda: resume(node, after_all(needs_reboot()))
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.reboot()
    assert (left(node), node.systemd.is_rebooting) == ([], False)


def test_it_is_told_why_it_ended(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.boots += 1
    with pytest.raises(StepError, match="was rebooted for it, and again: nouveau drives the GPUs"):
        resume(node, after_all(needs_reboot()))


def test_a_run_that_was_killed_before_the_reboot_asks_for_it_again(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    assert node.systemd.is_rebooting


def test_ever_new_reasons_end_it_too(node: FakeNode) -> None:
    node.on_resume = lambda: resume(node, after_all(needs_reboot(f"reason {node.boots}")))
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    for _ in range(20):
        node.reboot()
        if not node.systemd.is_rebooting:
            break
    assert left(node) == []
    assert node.boots == 7


def test_a_kernel_that_dies_of_the_install_ends_it_too(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    for _ in range(5):
        node.boots += 1
        with pytest.raises(KilledError):
            resume(node, after_all(failing(KilledError("panic"))))
    with pytest.raises(StepError, match="was started 5 times after reboots"):
        resume(node, after_all(failing(KilledError("panic"))))
    assert left(node) == []


def test_an_error_ends_it(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    with pytest.raises(StepError, match="no compiler"):
        resume(node, after_all(failing(StepError("no compiler"))))
    assert left(node) == []


def test_a_machine_that_is_shut_down_meanwhile_goes_on_at_the_next_boot(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    with pytest.raises(InterruptedRunError):
        resume(node, after_all(failing(InterruptedRunError(15))))
    assert left(node) == list(LEFT)


def test_a_person_who_takes_over_has_no_reboot_come_in_between(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.reboot()
    with pytest.raises(RebootNeededError):
        attended(node, needs_reboot())
    assert (left(node), node.systemd.is_rebooting) == ([], False)


def test_a_unit_without_its_record_removes_itself(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.at(LEFT[-1]).unlink()
    resume(node, after_all(failing(AssertionError())))
    assert left(node) == []


def test_a_machine_that_cannot_reboot_is_left_without_the_unit(node: FakeNode) -> None:
    node.systemd.reboots = False
    with pytest.raises(StepError, match="systemctl reboot"):
        through_reboots(node, needs_reboot(), ())
    assert left(node) == []


def test_withdrawing_reloads_nothing(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.changes.forget()
    withdraw(node)
    assert node.changes.done == []


def test_a_kill_anywhere_on_the_way_to_the_reboot_converges(root: Path, made: MadeBundle) -> None:
    whole = FakeNode(root / "whole")
    with pytest.raises(RebootNeededError):
        through_reboots(whole, needs_reboot(), ())
    for number in range(1, len(whole.changes.done) + 1):
        node = FakeNode(root / str(number))
        node.changes.dies_at = number
        with pytest.raises(KilledError):
            through_reboots(node, needs_reboot(), ())
        node.changes.forget()
        with pytest.raises(RebootNeededError):
            through_reboots(node, needs_reboot(), ())
        assert node.systemd.is_rebooting
        without_record = {name: what for name, what in settled_tree(node.root).items() if "reboots.json" not in name}
        assert without_record.items() <= settled_tree(whole.root).items(), f"killed before {number}"


@pytest.mark.parametrize("error", [StepError("it failed"), RebootNeededError("a reason")])
def test_how_it_ended_is_in_the_log_too(node: FakeNode, error: AirgapError) -> None:
    node.open_log("install.log")
    with pytest.raises(AirgapError):
        through_reboots(node, failing(error), ())
    assert str(error).encode() in (node.read("/var/log/vllm-airgap/install.log") or b"")
