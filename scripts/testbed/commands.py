"""Runs programs; a failure carries what the program said."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

LAST_LINES = 15


class TestbedError(Exception):
    """Something of the testbed does not work; the text says what and what to look at."""


class CommandError(TestbedError):
    def __init__(self, command: tuple[str, ...], said: str) -> None:
        super().__init__(f"{' '.join(command)}\n{last_lines(said)}")
        self.command = command
        self.said = said


def run(
    *command: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 1800,
) -> str:
    """The program's standard output."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env=None if env is None else {**os.environ, **env},
        cwd=cwd,
        timeout=timeout,
    )
    if done.returncode != 0:
        raise CommandError(command, f"{done.stdout}{done.stderr}\nexit status {done.returncode}")
    return done.stdout


def last_lines(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.strip().splitlines()[-LAST_LINES:])
