"""What click or the system refuses, as an error of ours."""

import errno

import click

from installer.errors import AirgapError, EnvironmentProblemError, UsageError
from installer.stop_request import InterruptedRunError

_PROGRAM = "vllm-airgap"
_ENVIRONMENT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


def as_ours(error: AirgapError | click.ClickException | OSError) -> AirgapError:
    """Raises an OSError that is a bug of ours as it is."""
    match error:
        case AirgapError():
            return error
        case click.ClickException():
            context = error.ctx if isinstance(error, click.UsageError) else None
            return UsageError(error.format_message(), hint=f"{context.command_path if context else _PROGRAM} --help")
        case OSError() if error.errno in _ENVIRONMENT_ERRORS:
            where = f"{error.filename}: " if error.filename else ""
            return EnvironmentProblemError(f"{where}{error.strerror}")
        case _:
            raise error


def exit_code_of(error: AirgapError) -> int:
    return error.number + 128 if isinstance(error, InterruptedRunError) else error.exit_code
