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
from bundler.console.output import write_line
from bundler.several_errors import SeveralError
from installer import __version__
from installer.errors import AirgapError, EnvironmentProblemError, UsageError

_INTERRUPTED, _TERMINATED = 130, 143


# In the order of the way from manifest to bundle, each with the module that has it and a line that fits a terminal.
_COMMANDS: Final = {
    "init": ("making_commands", "Write a first, commented manifest."),
    "probe": ("probe_command", "Print a script that writes down what a node is."),
    "lint": ("lint_command", "Say everything that is wrong with a manifest and its lock."),
    "lock": ("making_commands", "Resolve a manifest: write down every file by its digest."),
    "plan": ("planning_command", "Say what a build will fetch, and what its nodes need."),
    "build": ("making_commands", "Make the bundle of a manifest, and sign it."),
    "keygen": ("signing_commands", "Make a key pair."),
    "sign": ("signing_commands", "Sign a bundle."),
    "verify": ("reading_commands", "Check signature and contents of a bundle."),
    "inspect": ("reading_commands", "Say what is in a bundle."),
    "cache": ("cache_commands", "See and shrink what builds keep on this machine."),
}
_GO_ON = {"lock", "build"}  # commands that use what an earlier run left


class _Commands(click.Group):
    """Imports only the command that is run: `verify` needs neither requests nor docker, whose import takes longer."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"bundler.cli.{_COMMANDS[name][0]}"), name)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


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
    except (click.Abort, SystemExit) as end:
        return _stopped(end, arguments)
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


def _stopped(end: click.Abort | SystemExit, arguments: Sequence[str]) -> int:
    """By Ctrl-C or a signal, which is told; what else exits by itself does so."""
    if isinstance(end, SystemExit) and end.code != _TERMINATED:
        raise end
    how, code = ("terminated", _TERMINATED) if isinstance(end, SystemExit) else ("interrupted", _INTERRUPTED)
    goes_on = "; the same command goes on where this one ended" if _GO_ON.intersection(arguments[:1]) else ""
    write_line(f"{how}{goes_on}", sys.stderr)
    return code


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)
