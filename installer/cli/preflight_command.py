"""`preflight`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from installer.cli import options as declared
from installer.cli.document import DocumentedCommand, refusals_documented
from installer.cli.entrance import enter, opened, runtime_copy
from installer.cli.typed import Typed
from installer.console import Console
from installer.errors import UsageError
from installer.install import check_medium
from installer.node import Node
from installer.peers.listening import LONGEST, listen
from installer.stop_request import StopRequest
from installer.survey import configure, survey


def _lines_only(context: click.Context, _: click.Parameter, listens: bool) -> bool:  # noqa: FBT001  # click calls it
    """After -o, which is eager."""
    if listens and context.params["output"] == "json":
        raise UsageError(
            "--listen: it tells who asks, line by line, and has no document for -o json",
            hint="vllm-airgap preflight --listen",
        )
    return listens


@click.command(cls=DocumentedCommand, short_help="Say what would keep an install from succeeding.")
@click.argument("directory", type=Path, required=False)
@declared.place_options
@declared.ignore_option
@click.option(
    *("-o", "--output"),
    is_eager=True,
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table for people, or one JSON document for programs.  [default: text]",
)
@click.option(
    "--listen",
    is_flag=True,
    callback=_lines_only,
    help="Look at nothing, but answer while the other nodes run their preflight. --nodes says who may ask, and which "
    f"of them this node is. Ends after {LONGEST // 3600} hours, or with Ctrl-C.",
)
@declared.anchor_options
@click.pass_obj
def preflight(typed: Typed, /, directory: Path | None, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Tell all that would keep an install on this node from succeeding, and what helps. Changes nothing.

    It takes seconds, and root: of the bundle in the folder DIRECTORY lists and signature are checked, contents are not
    read. Without DIRECTORY it looks at the node for the bundle that an earlier install took in.

    With --listen this node answers while preflight runs on the others, so that closed firewalls and differences show
    before anything is installed. It needs no root.

    \b
    Before this program is on the node it is started from the bundle:
      sh /media/stick/install preflight ...              DIRECTORY is its folder
      sh /root/install --bundle DIRECTORY preflight ...  a copy of it
    """  # noqa: D301  # click's own mark of lines that stay as they are
    node, console = Node(), Console(progress=False)
    stop = StopRequest(node.clock)
    answers, as_json = declared.typed_answers(options), options["output"] == "json"
    with (
        refusals_documented(typed) if as_json else nullcontext(),
        opened(node, directory, declared.typed_anchors(options)) as bundle,
    ):
        enter(node, bundle, stop)
        if options["listen"]:
            listen(node, configure(node, bundle, answers), console.say, stop.is_asked)
            return
        seen = typed.fitted(survey(node, bundle, answers, runtime_copy(), options["ignored"]), node)
        if not as_json:
            console.show_bundle(bundle)
    if as_json:
        console.show_json(seen.report.document())
    else:
        console.show_report(seen.report)
    check_medium(node, seen.check(), directory)
