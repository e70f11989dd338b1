"""What a fake machine was made to change, and where the program is killed on the way."""

from dataclasses import dataclass, field


class KilledError(BaseException):
    """As SIGKILL does, it ends the program where it stands; nothing in it catches this."""


@dataclass
class Changes:
    """``dies_at`` 1 dies before the first change, 2 between the first and the second."""

    done: list[str] = field(default_factory=list)
    dies_at: int = 0

    def about_to(self, change: str) -> None:
        if len(self.done) + 1 == self.dies_at:
            raise KilledError(change)
        self.done.append(change)

    def forget(self) -> None:
        self.done.clear()
        self.dies_at = 0
