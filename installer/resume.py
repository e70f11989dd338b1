"""An install that reboots its node where that is needed, and goes on by itself; but never reboots for ever."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from installer.errors import RebootNeededError, StepError
from installer.index.strict import Place, Value, parse_json
from installer.journal import Journal
from installer.node import Node
from installer.node.paths import LOG, STATE
from installer.stop_request import InterruptedRunError
from installer.systemd import place_units, unit_path, wanted_link

RESUME_UNIT = "vllm-airgap-resume.service"
# By what a person chose to ignore: looks at the node, and gives what goes on from the first step.
Look = Callable[[tuple[str, ...]], AbstractContextManager[Callable[[], None]]]
_RECORD = f"{STATE}/reboots.json"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_MOST_STARTS = 5  # nouveau and the driver take one each; a kernel that dies of the new driver would take all
_GOING_ON = f"rebooting now; it goes on by itself: journalctl -u {RESUME_UNIT} -f, and {LOG}/install.log"


@dataclass(frozen=True)
class Reboot:
    """Asked for in the boot that ``boot`` names."""

    boot: str
    reason: str


@dataclass(frozen=True)
class Record:
    """reboots.json: what an install that may reboot by itself has done so far.

    ``ignored`` are the checks of preflight that a person chose to ignore, which site.json does not remember.
    """

    ignored: tuple[str, ...] = ()
    starts: int = 0
    reboots: tuple[Reboot, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> "Record":
        at = Place.of(parse_json(data, _RECORD), "")
        reboots = tuple(Reboot(each.text("boot"), each.text("reason")) for each in at.each("reboots"))
        return cls(at.texts("ignored"), at.integer("starts", 0, 2**31), reboots)

    def render(self) -> bytes:
        reboots: list[Value] = [{"boot": reboot.boot, "reason": reboot.reason} for reboot in self.reboots]
        document: dict[str, Value] = {"ignored": list(self.ignored), "starts": self.starts, "reboots": reboots}
        return json.dumps(document, indent=1).encode() + b"\n"


@contextmanager
def taken_over(node: Node) -> Iterator[None]:
    """The run of a person, however it ends: what was to go on by itself is that person's now. Raises LockedError."""
    with node.lock():
        withdraw(node)
        yield


def through_reboots(node: Node, go_on: Callable[[], None], ignored: tuple[str, ...]) -> None:
    """An install that a person began, and that reboots by itself."""
    with _noted(node):
        _to_the_end(node, go_on, lambda: Record(ignored))


def resume(node: Node, look: Look) -> None:
    """After a boot: go on, if an install asked for that, and ignore what it ignored.

    What ``look`` finds in the way may be gone at the next boot, so the unit stays for that.
    """
    if node.read(_RECORD) is None:
        withdraw(node)
        return
    with _noted(node):
        with _given_up_by_failure(node):
            ignored = _counted(node).ignored
        with look(ignored) as go_on:
            _to_the_end(node, go_on, lambda: _read(node))


def withdraw(node: Node) -> None:
    """Without systemctl: it would reload, which takes the GPUs from running containers."""
    for path in (wanted_link(RESUME_UNIT), unit_path(RESUME_UNIT), _RECORD):
        place = node.at(path)
        if place.exists() or place.is_symlink():
            place.unlink()


@contextmanager
def _noted(node: Node) -> Iterator[None]:
    try:
        yield
    except (RebootNeededError, InterruptedRunError) as error:
        node.note(f"{error}")
        raise
    except Exception as error:
        node.note(f"error: {error}")
        raise


@contextmanager
def _given_up_by_failure(node: Node) -> Iterator[None]:
    try:
        yield
    except (RebootNeededError, InterruptedRunError):
        raise
    except Exception:
        withdraw(node)
        raise


def _to_the_end(node: Node, go_on: Callable[[], None], so_far: Callable[[], Record]) -> None:
    """After an end, good or bad, nothing is left that would start it again."""
    with _given_up_by_failure(node):
        _or_reboot(node, go_on, so_far)
    withdraw(node)


def _counted(node: Node) -> Record:
    """Each start counts, also one that ends in a crash."""
    before = _read(node)
    record = replace(before, starts=before.starts + 1)
    if record.starts > _MOST_STARTS:
        raise StepError(
            f"the install was started {_MOST_STARTS} times after reboots, and never came to an end",
            hint=f"{LOG}/install.log tells where it was; vllm-airgap install goes on",
        )
    node.place(_RECORD, record.render(), 0o600)
    return record


def _or_reboot(node: Node, go_on: Callable[[], None], so_far: Callable[[], Record]) -> None:
    try:
        go_on()
    except RebootNeededError as why:
        _reboot(node, str(why), so_far())
        raise RebootNeededError(str(why), hint=_GOING_ON) from None


def _reboot(node: Node, reason: str, record: Record) -> None:
    boot = (node.read(_BOOT_ID) or b"").decode().strip()
    if any(before.reason == reason and before.boot != boot for before in record.reboots):
        raise StepError(
            f"this node was rebooted for it, and again: {reason}",
            hint="find out what brings the old state back at boot; then vllm-airgap install goes on",
        )
    reboots = (*record.reboots, Reboot(boot, reason))
    node.place(_RECORD, replace(record, reboots=reboots).render(), 0o600)
    Journal(node).will_replace(unit_path(RESUME_UNIT))
    place_units(node, (RESUME_UNIT,))
    node.run("systemctl", "reboot")


def _read(node: Node) -> Record:
    return Record.parse(node.read(_RECORD) or b"")
