"""The console script `bundle`: commands, and the one place where errors become exit codes."""

import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

import click

from bundler.cli.os_errors import environment_problem
from bundler.console import show_error
from bundler.several_errors import SeveralError
from installer import __version__
from installer.errors import AirgapError, EnvironmentProblemError, UsageError

_INTERRUPTED, _TERMINATED = 130, 143


# In the order of the way from manifest to bundle, each with the module that has it.
_COMMANDS: Final = {
    "init": "making_commands",
    "probe": "probe_command",
    "lint": "lint_command",
    "lock": "making_commands",
    "plan": "planning_command",
    "build": "making_commands",
    "keygen": "signing_commands",
    "sign": "signing_commands",
    "verify": "reading_commands",
    "inspect": "reading_commands",
    "cache": "cache_commands",
}


class _Commands(click.Group):
    """Imports only the command that is run: `verify` needs neither requests nor docker, whose import takes longer."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"bundler.cli.{_COMMANDS[name]}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="bundle %(version)s")
def bundle() -> None:
    """Turn a manifest into a signed bundle for nodes without a network."""


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code of `bundle` with ``arguments``. What is no AirgapError is a bug and keeps its traceback."""
    try:
        code: int | None = bundle.main(list(arguments), prog_name="bundle", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except click.Abort:
        return _INTERRUPTED
    except SeveralError as several:
        for mistake in several.errors:
            show_error(mistake)
        return several.exit_code
    except AirgapError as error:
        show_error(error)
        return error.exit_code
    except OSError as error:
        show_error(environment_problem(error))
        return EnvironmentProblemError.exit_code
    return code or 0


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)
