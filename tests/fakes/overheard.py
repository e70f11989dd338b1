"""A machine whose every answer is written down, as a probe would: for documents of nodes without running a shell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from installer.facts import gather
from installer.sight import Output, Sight

Entry = Mapping[str, object]


@dataclass
class Overheard:
    """``machine`` with an ear at its door."""

    machine: Sight
    outputs: dict[tuple[str, ...], Output] = field(default_factory=dict)
    files: dict[str, bytes | None] = field(default_factory=dict)
    folders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    programs: dict[str, str | None] = field(default_factory=dict)

    def ask(self, *command: str, timeout: float = 60) -> Output:
        output = self.machine.ask(*command, timeout=timeout)
        self.outputs[command] = output
        return output

    def read(self, path: str) -> bytes | None:
        content = self.machine.read(path)
        self.files[path] = content
        return content

    def names(self, folder: str) -> tuple[str, ...]:
        found = self.machine.names(folder)
        self.folders[folder] = found
        return found

    def finds(self, program: str) -> str | None:
        place = self.machine.finds(program)
        self.programs[program] = place
        return place


def overhear(machine: Sight) -> Overheard:
    """All that facts ask of it."""
    overheard = Overheard(machine)
    gather(overheard)
    return overheard


def document_of(machine: Sight, *, by_root: bool = True) -> dict[str, object]:
    """What probe.sh writes on such a machine."""
    told = overhear(machine)
    seen: list[Entry] = []
    for command, output in told.outputs.items():
        entry = {"ask": list(map(_bytes, command)), "out": _bytes(output.stdout), "err": _bytes(output.stderr)}
        seen.append(entry | ({"code": output.code} if output.code >= 0 else {"code": 124, "late": 5}))
    for path, content in told.files.items():
        seen.append({"read": path} | ({"absent": True} if content is None else {"text": content.decode("latin-1")}))
    seen += [{"names": folder, "are": list(map(_bytes, names))} for folder, names in told.folders.items()]
    seen += [{"finds": program, "at": place or ""} for program, place in told.programs.items()]
    return {"format": 1, "root": by_root, "seen": seen}


def _bytes(text: str) -> str:
    return text.encode(errors="surrogateescape").decode("latin-1")
