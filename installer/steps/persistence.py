"""The GPUs stay awake: from boot on by NVIDIA's own service, where the node has it, and else from now on."""

from dataclasses import dataclass

from installer.driver.persistence import keep_awake, may_sleep
from installer.driver.services import PERSISTENCED
from installer.errors import StepError, ToleratedError
from installer.node import Node
from installer.systemd import is_disabled, is_there, run_from_boot_on


@dataclass(frozen=True)
class TurnOnPersistence:
    """What does not survive a boot, the node unit turns on at each start. Without it the cluster is slower, no more.

    A service that an administrator masked is left alone.
    """

    replaces: tuple[str, ...] = ()
    title: str = "GPUs stay awake"

    def pending(self, node: Node) -> str | None:
        if is_disabled(node, PERSISTENCED):
            return f"{PERSISTENCED} is not enabled"
        return "the GPUs fall asleep: persistence mode is off" if may_sleep(node) else None

    def apply(self, node: Node) -> None:
        problems = [_run_service(node)] if is_there(node, PERSISTENCED) else []
        if may_sleep(node):
            problems.append(keep_awake(node))
        if told := " | ".join(filter(None, problems)):
            raise ToleratedError(told, hint=f"journalctl -u {PERSISTENCED}; nvidia-smi -pm 1")


def _run_service(node: Node) -> str | None:
    try:
        run_from_boot_on(node, PERSISTENCED)
    except StepError as error:
        return str(error)
    return None
