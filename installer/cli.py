"""The command line of the program on a node."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from installer import __version__
from installer.after_boot import lock_patiently, wait_for_place
from installer.console import Console, open_closed_streams, silence_broken_pipes
from installer.errors import AirgapError, EnvironmentProblemError, NotAuthenticError, UsageError
from installer.handover import HANDOVER_VARIABLE, RUNTIME_VARIABLE, hand_over, is_ours
from installer.install import (
    Voice,
    anchors_of,
    carry_out,
    check_caller,
    check_entrance,
    check_handover,
    check_medium,
    check_waits_on_head,
    own_runtime_digest,
    rehearse,
    staged_bundle,
    wait_until_served,
)
from installer.node import Node
from installer.peers.differences import differences
from installer.peers.listening import listen
from installer.preflight import IGNORABLE
from installer.resume import resume, taken_over, through_reboots
from installer.runner import halt_node, halt_serve, run_node, run_serve
from installer.settings import Answers
from installer.staging import file_digest
from installer.step import StepEvent
from installer.stop_request import InterruptedRunError, StopRequest
from installer.survey import Prepared, Survey, configure, survey
from installer.trust.contents import Advance, Meter
from installer.trust.keys import PublicKey, parse_fingerprint, read_public_key
from installer.trust.opened import Bundle, open_bundle, open_staged_bundle
from installer.trust.signatures import Anchors
from installer.trust.verdict import verify as verify_bundle

_ENVIRONMENT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
_Command = Callable[..., None]


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _key(name: str) -> PublicKey:
    return read_public_key(Path(name))


def anchor_options(command: _Command) -> _Command:
    for option in (
        click.option("--trust-on-first-use", "first_use", is_flag=True, help="Believe the medium's key, this once."),
        click.option(
            *("--fingerprint", "fingerprints"),
            multiple=True,
            type=parse_fingerprint,
            metavar="SHA256",
            help="Of that key.",
        ),
        click.option(
            *("--trusted-key", "keys"),
            multiple=True,
            type=_key,
            metavar="FILE",
            help="Public key of the release.",
        ),
    ):
        command = option(command)
    return command


def place_options(command: _Command) -> _Command:
    """What this node is in the cluster, and what the site changes."""
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting for this site."),
        click.option("--data-dir", default="", help="Where the model goes.  [default: /var/lib/vllm-airgap/models]"),
        click.option("--nodes", type=_addresses, default="", metavar="IP,IP,...", help="All nodes, head first."),
        click.option("--head", default="", help="The head's address (worker)."),
        click.option("--node-ip", default="", help="This node's address in the cluster network."),
        click.option("--role", type=click.Choice(["head", "worker"]), help="What this node is."),
    ):
        command = option(command)
    return command


def ignore_option(command: _Command) -> _Command:
    return click.option(
        *("--ignore-preflight", "ignored"),
        multiple=True,
        type=click.Choice(sorted(IGNORABLE)),
        metavar="NAME",
        help="Tell what this check finds, and go on.",
    )(command)


def output_options(command: _Command) -> _Command:
    command = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")(command)
    return click.option("--no-progress", is_flag=True, help="No progress bar.")(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="vllm-airgap %(version)s")
def main_group() -> None:
    """Install and run a vLLM cluster node from a signed bundle, without a network."""


@main_group.command()
@click.argument("directory", type=Path, required=False)
@place_options
@ignore_option
@click.option("--dry-run", is_flag=True, help="Tell what would be done and change nothing.")
@click.option("--reboot", is_flag=True, help="Reboot where that is needed, and go on by itself.")
@click.option("--wait", is_flag=True, help="Wait until the API answers (head).")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before changing the node.")
@anchor_options
@output_options
def install(directory: Path | None, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Make this node a part of the cluster, from the bundle in DIRECTORY.

    Run again after an error or a reboot, it goes on where it stopped. Without DIRECTORY it uses what an
    earlier run took in.

    The bundle's own `install` names DIRECTORY itself, the folder it lies in. A copy of it elsewhere is told:
    sh /root/install --bundle DIRECTORY.
    """
    node, console = Node(), _console(options)
    stop = StopRequest(node.clock)
    answers = _answers(options)
    check_caller(node)
    with _open(node, directory, anchors_of(node, _anchors(options))) as bundle:
        console.show_bundle(bundle)
        if not is_ours(_own_digest(), bundle):
            check_handover(node, bundle, from_medium=bool(_runtime_copy()))
            sys.exit(hand_over(bundle, sys.argv[1:], stop.check))
        check_entrance(node, bundle, from_medium=bool(_runtime_copy()) and HANDOVER_VARIABLE not in os.environ)
        if options["dry_run"]:
            seen = survey(node, bundle, answers, _runtime_copy(), options["ignored"])
            _dry_run(node, _remarked(seen, console).prepared(), console, stop)
            return
        with taken_over(node):
            seen = survey(node, bundle, answers, _runtime_copy(), options["ignored"])
            prepared = _remarked(seen, console).prepared()
            check_medium(node, prepared, directory)
            check_waits_on_head(prepared, wait=options["wait"])
            _confirm(prepared, stop, yes=options["yes"])
            node.open_log("install.log")

            def go_on() -> None:
                console.show_health(carry_out(node, prepared, _voice(console, stop)))

            if options["reboot"]:
                through_reboots(node, go_on, options["ignored"])
            else:
                go_on()
    if options["wait"]:
        wait_until_served(node, prepared, _voice(console, stop))
        console.say("the API answers")
        console.show_lines(differences(node, prepared.plan.config))


@main_group.command()
@click.argument("directory", type=Path, required=False)
@place_options
@ignore_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to tell it.")
@click.option("--listen", is_flag=True, help="Answer the other nodes' preflight instead, until Ctrl-C.")
@anchor_options
def preflight(directory: Path | None, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Tell all that would keep an install on this node from succeeding, and what helps. Changes nothing.

    It takes seconds: the bundle's lists and signature are checked, its contents are not read. Without DIRECTORY it
    looks at the node for the bundle that an earlier install took in.

    With --listen this node answers while preflight runs on the others, so that closed firewalls and differences show
    before anything is installed. It needs no root.

    The bundle's own `install preflight` names DIRECTORY itself; a copy of it is told by --bundle DIRECTORY.
    """
    node, console = Node(), Console(progress=False)
    stop = StopRequest(node.clock)
    with _open(node, directory, anchors_of(node, _anchors(options))) as bundle:
        if not is_ours(_own_digest(), bundle):
            check_handover(node, bundle, from_medium=bool(_runtime_copy()))
            sys.exit(hand_over(bundle, sys.argv[1:], stop.check))
        check_entrance(node, bundle, from_medium=bool(_runtime_copy()) and HANDOVER_VARIABLE not in os.environ)
        if options["listen"]:
            listen(node, configure(node, bundle, _answers(options)), console.say, stop.is_asked)
            return
        seen = survey(node, bundle, _answers(options), _runtime_copy(), options["ignored"])
        if options["output"] == "json":
            console.show_json(seen.report.document())
        else:
            console.show_bundle(bundle)
            console.show_lines(seen.report.table())
        check_medium(node, seen.check(), directory)


@main_group.command()
@click.argument("directory", type=Path)
@anchor_options
@output_options
def verify(directory: Path, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Check signature, names, sizes and every byte of the bundle in DIRECTORY. Changes nothing.

    The bundle's own `install verify` names DIRECTORY itself; a copy of it is told by --bundle DIRECTORY.
    """
    node, console = Node(), _console(options)
    meter = _meter(console, StopRequest(node.clock))
    verdict = verify_bundle(directory, anchors_of(node, _anchors(options)), meter)
    if verdict.signers is None:
        raise NotAuthenticError(verdict.words, hint="--trusted-key FILE or --fingerprint SHA256 says whom to believe")
    console.say(f"{verdict.words}: {len(verdict.index.files)} files, by {verdict.signers.keys[0].fingerprint}")


@main_group.command("resume", hidden=True)
def resume_after_reboot() -> None:
    """Go on with an install after the reboot that it asked for (called by systemd)."""
    node = Node()
    console = Console(progress=False, also=node.note)
    voice = _voice(console, StopRequest(node.clock))

    @contextmanager
    def look(ignored: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        with open_staged_bundle(staged_bundle(node), anchors_of(node, Anchors())) as bundle:
            wait_for_place(node, bundle.index.model.name, voice.waiting)
            prepared = _remarked(survey(node, bundle, Answers(), None, ignored), console).prepared()
            check_medium(node, prepared, None)
            yield lambda: console.show_health(carry_out(node, prepared, voice))

    with lock_patiently(node, voice.waiting):
        node.open_log("install.log")
        resume(node, look)


@main_group.command("run-node", hidden=True)
def run_node_unit() -> None:
    """Become the cluster container (called by systemd)."""
    run_node(Node())


@main_group.command("stop-node", hidden=True)
def stop_node_unit() -> None:
    """End the cluster container (called by systemd)."""
    halt_node(Node())


@main_group.command("run-serve", hidden=True)
def run_serve_unit() -> None:
    """Become the server (called by systemd)."""
    run_serve(Node())


@main_group.command("stop-serve", hidden=True)
def stop_serve_unit() -> None:
    """End the server (called by systemd)."""
    halt_serve(Node())


def main() -> NoReturn:
    """Run the command; every error is printed here and nowhere else."""
    code = 0
    open_closed_streams()
    os.umask(0o022)  # what is placed on a node does not depend on who calls
    try:
        main_group.main(standalone_mode=False, prog_name="vllm-airgap")
    except AirgapError as error:
        Console().show_error(error)
        code = error.number + 128 if isinstance(error, InterruptedRunError) else error.exit_code
    except click.ClickException as error:
        Console().show_error(UsageError(error.format_message(), hint="vllm-airgap --help"))
        code = UsageError.exit_code
    except click.Abort:
        code = 130
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        Console().show_error(EnvironmentProblemError(f"{where}{error.strerror}"))
        code = EnvironmentProblemError.exit_code
    silence_broken_pipes()
    sys.exit(code)


def _console(options: dict[str, Any]) -> Console:
    return Console(quiet=options["quiet"], progress=not options["no_progress"])


def _answers(options: dict[str, Any]) -> Answers:
    names = ("node_ip", "head", "nodes", "data_dir", "overrides")
    return Answers(role=options["role"] or "", **{name: options[name] for name in names})


def _anchors(options: dict[str, Any]) -> Anchors:
    return Anchors(options["keys"], options["fingerprints"], first_use=options["first_use"])


def _open(node: Node, directory: Path | None, anchors: Anchors) -> AbstractContextManager[Bundle]:
    return open_bundle(directory, anchors) if directory else open_staged_bundle(staged_bundle(node), anchors)


def _runtime_copy() -> Path | None:
    name = os.environ.get(RUNTIME_VARIABLE)
    return Path(name) if name else None


def _own_digest() -> str | None:
    return own_runtime_digest(sys.executable, _runtime_copy(), file_digest)


def _voice(console: Console, stop: StopRequest) -> Voice:
    """The console, which also ends the run where a signal asked for that."""

    def step(event: StepEvent) -> None:
        stop.check()
        console.show_step(event)

    def waiting(what: str) -> None:
        stop.check()
        console.show_waiting(what)

    return Voice(step, _meter(console, stop), waiting)


def _meter(console: Console, stop: StopRequest) -> Meter:
    """The console's progress, which also ends the run where a signal asked for that."""

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        with console.progress(what, total) as advance:

            def checked(count: int) -> None:
                stop.check()
                advance(count)

            yield checked

    return meter


def _remarked(seen: Survey, console: Console) -> Survey:
    """What stands in the way is an error; the rest is told, and the install goes on."""
    console.show_lines(seen.report.rows(seen.report.remarks))
    return seen


def _dry_run(node: Node, prepared: Prepared, console: Console, stop: StopRequest) -> None:
    if prepared.lacking:
        console.say(f"pending  take in: {len(prepared.lacking)} files, {prepared.bytes_to_copy / 1e6:.0f} MB")
    rehearse(node, prepared, _voice(console, stop))


def _confirm(prepared: Prepared, stop: StopRequest, *, yes: bool) -> None:
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        plan = prepared.plan
        with stop.at_once():
            click.confirm(f"Install {plan.index.name} as {plan.site.role} on this node?", abort=True)
    stop.check()
