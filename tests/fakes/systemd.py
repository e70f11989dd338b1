"""A systemd with unit files below a root, what it has read of them, and what is active."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from installer.sight import Output
from tests.fakes.changes import Changes

_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
_WANTED = "etc/systemd/system/multi-user.target.wants"
OK = Output(0, "", "")


def failed(stderr: str, code: int = 1) -> Output:
    return Output(code, "", stderr)


@dataclass
class UnitActions:
    """What starting and stopping a unit does. ``start`` gives the state in which the unit is then."""

    start: Callable[[], str] = lambda: "active"
    stop: Callable[[], None] = lambda: None


@dataclass
class FakeSystemd:
    """As strict as systemd 219: a unit file that was not there at the last reload is not found.

    What is ``static`` cannot be enabled, and what is in ``bursts`` can be started only so often (StartLimitBurst).
    It ``reboots`` only when the test says so, until then it ``is_rebooting``.
    """

    root: Path
    changes: Changes
    reloaded: Callable[[], None]
    clock: Callable[[], float]
    actions: dict[str, UnitActions] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    loaded: dict[str, bytes] = field(default_factory=dict)
    version: int = 252
    static: set[str] = field(default_factory=set)
    bursts: dict[str, int] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    reboots: bool = True
    is_rebooting: bool = False

    def command(self, arguments: tuple[str, ...]) -> Output:
        verb, *rest = arguments
        looks: dict[str, Callable[..., Output]] = {
            "--version": self._version,
            "is-active": self._is_active,
            "is-enabled": self._is_enabled,
            "show": self._show,
        }
        if verb in looks:
            return looks[verb](*rest)
        changes: dict[str, Callable[..., Output]] = {
            "daemon-reload": self._reload,
            "enable": self._enable,
            "disable": self._disable,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "reset-failed": self._forget_starts,
            "reboot": self._reboot,
        }
        self.changes.about_to(f"systemctl {' '.join(arguments)}")
        return changes[verb](*rest)

    def boot(self, units: tuple[str, ...]) -> None:
        """Start those of ``units`` that are enabled."""
        self.is_rebooting = False
        self.reload()
        for unit in units:
            if self._is_enabled(unit).succeeded:
                self._start(unit)

    def end(self, unit: str) -> None:
        """Its program ended by itself, and is about to be started again."""
        self.states[unit] = "activating"

    def restart_by_itself(self, unit: str) -> None:
        self.states[unit] = "active"
        self.since[unit] = self.clock()

    def _reboot(self) -> Output:
        """It answers at once, and the machine goes down some time later."""
        if not self.reboots:
            return failed("Failed to reboot system via logind: Access denied")
        self.is_rebooting = True
        return OK

    def shut_down(self) -> None:
        for unit in reversed(list(self.states)):
            self._stop(unit)

    def reload(self) -> None:
        """Read all unit files; running containers lose their GPUs by it."""
        names = {path.name for folder in _FOLDERS for path in (self.root / folder).glob("*.service")}
        self.loaded = {name: self._file(name) or b"" for name in names}
        self.reloaded()

    def _file(self, unit: str) -> bytes | None:
        found = [self.root / folder / unit for folder in _FOLDERS if (self.root / folder / unit).is_file()]
        return found[0].read_bytes() if found else None

    def _is_active(self, *units: str) -> Output:
        states = [self.states.get(unit, "inactive") for unit in units]
        return Output(0 if "active" in states else 3, "".join(f"{state}\n" for state in states), "")

    def _version(self) -> Output:
        return Output(0, f"systemd {self.version}\n+PAM +AUDIT +SELINUX\n", "")

    def _show(self, *words: str) -> Output:
        *options, unit = words
        names = options[1::2]
        assert options[::2] == ["-p"] * len(names), options
        shown = {
            "NeedDaemonReload": "yes" if self.loaded.get(unit) != self._file(unit) else "no",
            "ActiveState": self.states.get(unit, "inactive"),
            "ActiveEnterTimestampMonotonic": str(int(self.since.get(unit, 0) * 1e6)),
        }
        return Output(0, "".join(f"{name}={shown[name]}\n" for name in names), "")

    def _reload(self) -> Output:
        self.reload()
        return OK

    def _is_enabled(self, unit: str) -> Output:
        if (self.root / _FOLDERS[0] / unit).is_symlink():
            return Output(1, "masked\n", "")
        if self._file(unit) is None:
            return failed(f"Failed to get unit file state for {unit}: No such file or directory")
        if unit in self.static:
            return Output(0, "static\n", "")
        enabled = (self.root / _WANTED / unit).is_symlink()
        return Output(0, "enabled\n", "") if enabled else Output(1, "disabled\n", "")

    def _enable(self, *units: str) -> Output:
        for unit in units:
            if self._file(unit) is None:
                return failed(f"Failed to enable unit: Unit file {unit} does not exist.")
            link = self.root / _WANTED / unit
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(f"/etc/systemd/system/{unit}")
        self.reload()
        return OK

    def _disable(self, *units: str) -> Output:
        for unit in units:
            (self.root / _WANTED / unit).unlink(missing_ok=True)
        self.reload()
        return OK

    def _start(self, unit: str) -> Output:
        if unit not in self.loaded:
            return failed(f"Failed to start {unit}: Unit {unit} not found.", 5)
        if self.states.get(unit) == "active":
            return OK
        self.starts[unit] = self.starts.get(unit, 0) + 1
        if self.starts[unit] > self.bursts.get(unit, self.starts[unit]):
            self.states[unit] = "failed"
            return failed(f"Job for {unit} failed because start of the service was attempted too often.")
        if not self._program(unit).is_file():
            self.states[unit] = "failed"
            return failed(f"Job for {unit} failed because of unavailable resources.")
        self.since[unit] = self.clock()
        self.states[unit] = self._actions(unit).start()
        return failed(f"Job for {unit} failed.") if self.states[unit] == "failed" else OK

    def _forget_starts(self, unit: str) -> Output:
        if unit not in self.loaded:
            return failed(f"Failed to reset failed state of unit {unit}: Unit {unit} not loaded.")
        self.starts.pop(unit, None)
        return OK

    def _program(self, unit: str) -> Path:
        found = re.search(rb"^ExecStart=(\S+)", self.loaded[unit], re.MULTILINE)
        assert found, unit
        return self.root / found[1].decode().lstrip("/")

    def _stop(self, unit: str) -> Output:
        if unit in self.states:
            self.states[unit] = "deactivating"
            self._actions(unit).stop()
            del self.states[unit]
        return OK

    def _restart(self, unit: str) -> Output:
        self._stop(unit)
        return self._start(unit)

    def _actions(self, unit: str) -> UnitActions:
        return self.actions.get(unit, UnitActions())
