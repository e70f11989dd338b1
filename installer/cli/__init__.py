"""The program on a node, `vllm-airgap`: its commands, and the one place where errors become exit codes."""

import os
import sys
from typing import NoReturn

import click

from installer import __version__
from installer.cli.install_command import install
from installer.cli.preflight_command import preflight
from installer.cli.refusals import as_ours, exit_code_of
from installer.cli.typed import BUNDLE_VARIABLE, HELP, LAUNCHER_VARIABLE, Typed
from installer.cli.unit_commands import (
    resume_after_reboot,
    run_node_unit,
    run_serve_unit,
    stop_node_unit,
    stop_serve_unit,
)
from installer.cli.verify_command import verify
from installer.console import Console, open_closed_streams, silence_broken_pipes
from installer.errors import AirgapError
from installer.node import Node

_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": HELP})
@click.version_option(__version__, message="vllm-airgap %(version)s")
def main_group() -> None:
    """Install and run a vLLM cluster node from a signed bundle, without a network."""


for _command in (
    *(install, preflight, verify),
    *(resume_after_reboot, run_node_unit, stop_node_unit, run_serve_unit, stop_serve_unit),
):
    main_group.add_command(_command)


def main() -> NoReturn:
    """Run the command; every error is printed here and nowhere else."""
    code = 0
    open_closed_streams()
    os.umask(0o022)  # what is placed on a node does not depend on who calls
    launcher, bundle = (os.environ.get(name, "") for name in (LAUNCHER_VARIABLE, BUNDLE_VARIABLE))
    typed = Typed(sys.argv[1:], launcher, bundle, main_group.commands)
    try:
        main_group.main(standalone_mode=False, prog_name="vllm-airgap", obj=typed)
    except click.Abort:
        code = _INTERRUPTED
    except (AirgapError, click.ClickException, OSError) as error:
        refusal = as_ours(error)
        refusal.hint = typed.fitting(refusal.hint, Node())
        Console().show_error(refusal)
        code = exit_code_of(refusal)
    silence_broken_pipes()
    sys.exit(code)
