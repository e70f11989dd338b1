"""Installs that reboot their node by themselves: how they go on, and when they give up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.errors import (
    AirgapError,
    EnvironmentProblemError,
    LockedError,
    MalformedError,
    RebootNeededError,
    StepError,
    UsageError,
)
from installer.node.paths import PROGRAM
from installer.resume import RESUME_UNIT, Look, resume, taken_over, through_reboots, withdraw
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

    def go_on() -> None:
        resume_install(node)

    node.on_resume = lambda: resume(node, after_all(go_on))
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


def after_all(go_on: Callable[[], None]) -> Look:
    """Whatever was ignored; a look at the node finds nothing that stands in the way."""

    @contextmanager
    def look(_ignored: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        yield go_on

    return look


def in_the_way(error: BaseException) -> Look:
    """A look at the node that never gets as far as to the first step."""

    @contextmanager
    def look(_ignored: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        raise error
        yield

    return look


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
    node.nvidia.nouveau_in_initramfs = set()
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

    @contextmanager
    def look(ignored: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        heard.append(ignored)
        yield needs_reboot("another reason") if len(heard) == 1 else lambda: None

    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ("gpus", "space"))
    node.on_resume = lambda: resume(node, look)
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


@pytest.mark.parametrize("error", [UsageError("10.0.0.1 is on no interface"), EnvironmentProblemError("not ready")])
def test_what_stands_in_the_way_of_the_first_step_may_be_gone_at_the_next_boot(
    node: FakeNode, made: MadeBundle, error: AirgapError
) -> None:
    node.nvidia.nouveau = True
    with pytest.raises(RebootNeededError):
        begin(node, made)
    node.open_log("install.log")
    good, node.on_resume = node.on_resume, lambda: resume(node, in_the_way(error))
    node.reboot()
    assert left(node) == list(LEFT)
    assert f"error: {error}".encode() in (node.read("/var/log/vllm-airgap/install.log") or b"")
    node.on_resume = good
    node.reboot()
    assert (node.nvidia.module, left(node)) == ("550.127.08", [])


def test_what_stands_in_the_way_at_every_boot_ends_it_too(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.on_resume = lambda: resume(node, in_the_way(UsageError("10.0.0.1 is on no interface")))
    for _ in range(5):
        node.reboot()
        assert left(node) == list(LEFT)
    node.reboot()
    assert left(node) == []


def test_a_record_that_nobody_can_read_ends_it(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    node.at(LEFT[-1]).write_bytes(b"{")
    with pytest.raises(MalformedError):
        resume(node, in_the_way(AssertionError()))
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
    with taken_over(node):
        assert (left(node), node.systemd.is_rebooting) == ([], False)


def test_a_person_whose_run_ends_in_preflight_has_no_later_boot_install(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    with pytest.raises(EnvironmentProblemError), taken_over(node):
        raise EnvironmentProblemError("this node is not ready")
    assert left(node) == []


def test_a_person_who_meets_another_run_takes_nothing_over(node: FakeNode) -> None:
    with pytest.raises(RebootNeededError):
        through_reboots(node, needs_reboot(), ())
    with node.lock(), pytest.raises(LockedError), taken_over(node):
        pass
    assert left(node) == list(LEFT)


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
