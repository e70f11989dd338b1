"""What can be seen of a machine without changing it: of the one we run on, or of one that a probe recorded."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Output:
    """How a command ended. One that was ``late`` was killed for it, and how it would have ended nobody knows."""

    code: int
    stdout: str
    stderr: str
    late: bool = False

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    @property
    def last_lines(self) -> str:
        text = self.stderr.strip() or self.stdout.strip() or "it printed nothing"
        return " | ".join(text.splitlines()[-5:])


class Sight(Protocol):
    """Facts are gathered through these four questions alone, so that a recorded machine answers them as well."""

    def ask(self, *command: str, timeout: float = 60) -> Output:
        """Run a command that changes nothing; code 127 where it is not there."""

    def read(self, path: str) -> bytes | None:
        """A file's content, or None where there is none."""

    def names(self, folder: str) -> tuple[str, ...]:
        """What is in a folder, sorted; nothing where there is none."""

    def finds(self, program: str) -> str | None:
        """Where ``program`` is on the PATH, or None."""
