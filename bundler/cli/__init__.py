"""The console script `bundle`: commands, and the one place where errors become exit codes."""

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from bundler.cli import cache_commands, making_commands, planning_command, reading_commands, signing_commands
from bundler.console import show_error
from installer.errors import AirgapError, EnvironmentProblemError, UsageError

_INTERRUPTED, _TERMINATED = 130, 143


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bundle() -> None:
    """Turn a manifest into a signed bundle for nodes without a network."""


for _command in (
    making_commands.init,
    making_commands.lint,
    making_commands.lock,
    planning_command.plan,
    making_commands.build,
    signing_commands.keygen,
    signing_commands.sign,
    reading_commands.verify,
    reading_commands.inspect,
    cache_commands.cache,
):
    bundle.add_command(_command)


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
    except AirgapError as error:
        show_error(error)
        return error.exit_code
    except OSError as error:
        show_error(_environment_problem(error))
        return EnvironmentProblemError.exit_code
    return code or 0


def _environment_problem(error: OSError) -> EnvironmentProblemError:
    where = f"{error.filename}: " if error.filename else ""
    return EnvironmentProblemError(f"{where}{error.strerror or error}")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)
