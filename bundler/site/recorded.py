"""A machine that answers what a probe asked of it once, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from installer.errors import UsageError, printable
from installer.sight import Output

Command = tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """A Sight. ``name`` is that of the document. A file is None where there was none, an error where it had one."""

    name: str
    outputs: Mapping[Command, Output]
    files: Mapping[str, bytes | OSError | None]
    folders: Mapping[str, tuple[str, ...]]
    programs: Mapping[str, str | None]

    def ask(self, *command: str, timeout: float = 60) -> Output:  # noqa: ARG002  # it took as long as it took
        if command not in self.outputs:
            self._fail(f"what `{' '.join(command)}` says")
        return self.outputs[command]

    def read(self, path: str) -> bytes | None:
        if path not in self.files:
            self._fail(path)
        content = self.files[path]
        if isinstance(content, OSError):
            raise content
        return content

    def names(self, folder: str) -> tuple[str, ...]:
        if folder not in self.folders:
            self._fail(f"what is in {folder}")
        return self.folders[folder]

    def finds(self, program: str) -> str | None:
        if program not in self.programs:
            self._fail(f"where {program} is")
        return self.programs[program]

    def _fail(self, what: str) -> NoReturn:
        raise UsageError(
            f"{self.name}: does not tell {printable(what)[:200]}: it was written by the probe of another version",
            hint="bundle probe > probe.sh, and let it run on that node again",
        )
