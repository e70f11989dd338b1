"""`install`."""

import sys
from pathlib import Path
from typing import Any

import click

from installer.cli import options as declared
from installer.cli.entrance import enter, opened, runtime_copy
from installer.cli.mistyped import LaunchedCommand
from installer.cli.typed import Typed
from installer.cli.voice import voice_of
from installer.console import Console
from installer.install import carry_out, check_caller, check_medium, check_waits_on_head, rehearse, wait_until_served
from installer.node import Node
from installer.peers.differences import differences
from installer.resume import taken_over, through_reboots
from installer.stop_request import StopRequest
from installer.survey import Prepared, survey


@click.command(cls=LaunchedCommand, short_help="Make this node a part of the cluster.")
@click.argument("directory", type=Path, required=False)
@declared.place_options
@declared.ignore_option
@click.option("--dry-run", is_flag=True, help="Say of every step whether it is done, or why not; change nothing.")
@click.option(
    "--reboot",
    is_flag=True,
    help="Where a reboot is needed (the driver), reboot, and go on by itself after it. Without this the install ends "
    "with code 20, and goes on when it is typed again.",
)
@click.option(
    "--wait",
    is_flag=True,
    help="On the head: once all is installed, wait until the API answers, without an end; Ctrl-C stops the waiting "
    "alone.",
)
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask before the node is changed. Without a terminal nobody is asked."
)
@declared.anchor_options
@declared.output_options
@click.pass_obj
def install(typed: Typed, /, directory: Path | None, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Make this node a part of the cluster, from the bundle in the folder DIRECTORY.

    It looks at the node first, as preflight does, then copies from the medium, then installs. Typed again after an
    error or a reboot it goes on where it stopped. Options are remembered; without DIRECTORY it uses what an earlier
    run copied.

    \b
    Before this program is on the node it is started from the bundle:
      sh /media/stick/install --role head ...     DIRECTORY is its folder
      sh /root/install --bundle DIRECTORY ...     a copy of it
    """  # noqa: D301  # click's own mark of lines that stay as they are
    node, console = Node(), declared.typed_console(options)
    stop = StopRequest(node.clock)
    answers = declared.typed_answers(options)
    check_caller(node)
    with opened(node, directory, declared.typed_anchors(options)) as bundle:
        console.show_bundle(bundle)
        enter(node, bundle, stop)

        def prepared_now() -> Prepared:
            """What stands in the way is an error; the rest is told, and the install goes on."""
            seen = typed.fitted(survey(node, bundle, answers, runtime_copy(), options["ignored"]), node)
            console.show_remarks(seen.report)
            return seen.prepared()

        if options["dry_run"]:
            _rehearse(node, prepared_now(), console, stop)
            return
        with taken_over(node):
            prepared = prepared_now()
            check_medium(node, prepared, directory)
            check_waits_on_head(prepared, wait=options["wait"])
            confirm(prepared, stop, yes=options["yes"])
            node.open_log("install.log")

            def go_on() -> None:
                console.show_health(carry_out(node, prepared, voice_of(console, stop)))

            if options["reboot"]:
                through_reboots(node, go_on, options["ignored"])
            else:
                go_on()
    if options["wait"]:
        wait_until_served(node, prepared, voice_of(console, stop))
        console.say("the API answers")
        console.show_lines(differences(node, prepared.plan.config))


def _rehearse(node: Node, prepared: Prepared, console: Console, stop: StopRequest) -> None:
    if prepared.lacking:
        console.say(f"pending  take in: {len(prepared.lacking)} files, {prepared.bytes_to_copy / 1e6:.0f} MB")
    rehearse(node, prepared, voice_of(console, stop))


def confirm(prepared: Prepared, stop: StopRequest, *, yes: bool) -> None:
    """Asks where there is a terminal to ask."""
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        plan = prepared.plan
        with stop.at_once():
            click.confirm(f"Install {plan.index.name} as {plan.site.role} on this node?", abort=True)
    stop.check()
