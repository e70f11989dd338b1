"""A machine that only answers what was once asked of it: by a recording, or by a text made after real ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.sight import Output
from tests.fakes.questions import DOCKER_UNITS, DRIVER_UNITS, FIREWALL_UNITS

NOT_FOUND = 127
RECORDED = Path(__file__).parents[1] / "recorded"


@dataclass
class RecordedMachine:
    """A program that it has must have been asked this very question; one that it lacks is not found.

    ``programs`` is name to path. Folders are those of ``files``.
    """

    programs: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[tuple[str, ...], Output] = field(default_factory=dict)

    def ask(self, *command: str, timeout: float = 60) -> Output:  # noqa: ARG002  # nothing here takes time
        if command in self.answers:
            return self.answers[command]
        assert command[0] not in self.programs, command
        return Output(NOT_FOUND, "", f"{command[0]}: not found")

    def read(self, path: str) -> bytes | None:
        text = self.files.get(path)
        return None if text is None else text.encode()

    def names(self, folder: str) -> tuple[str, ...]:
        below = f"{folder}/"
        return tuple(sorted({path.removeprefix(below).split("/")[0] for path in self.files if path.startswith(below)}))

    def finds(self, program: str) -> str | None:
        return self.programs.get(program)


def said(text: str, code: int = 0) -> Output:
    return Output(code, text, "")


def recorded_machine(name: str) -> RecordedMachine:
    told = json.loads((RECORDED / name / "machine.json").read_text())
    answers = {tuple(one["command"]): Output(one["code"], one["stdout"], one["stderr"]) for one in told["asked"]}
    return RecordedMachine(told["programs"], told["files"], answers)


def programs(names: str) -> dict[str, str]:
    return {name: f"/usr/bin/{name}" for name in names.split()}


def states(*active: str, absent: str = "inactive") -> dict[tuple[str, ...], Output]:
    """A unit that is not there is inactive, and to systemd 219 unknown."""
    return {
        ("systemctl", "is-active", *units): said(
            "".join("active\n" if unit in active else f"{absent}\n" for unit in units),
            0 if set(active) & set(units) else 3,
        )
        for units in (FIREWALL_UNITS, DRIVER_UNITS, DOCKER_UNITS)
    }


def t4(slot: str, driver: str = "") -> dict[str, str]:
    told = (f"DRIVER={driver}\n" if driver else "") + f"PCI_CLASS=30200\nPCI_ID=10DE:1EB8\nPCI_SLOT_NAME={slot}\n"
    return {f"/sys/bus/pci/devices/{slot}/uevent": told}
