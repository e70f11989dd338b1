"""What systemd calls, and people do not see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from installer.after_boot import lock_patiently, wait_for_place
from installer.cli.voice import voice_of
from installer.console import Console
from installer.install import anchors_of, carry_out, check_medium, staged_bundle
from installer.node import Node
from installer.resume import resume
from installer.runner import halt_node, halt_serve, run_node, run_serve
from installer.settings import Answers
from installer.stop_request import StopRequest
from installer.survey import survey
from installer.trust.opened import open_staged_bundle
from installer.trust.signatures import Anchors


@click.command("resume", hidden=True)
def resume_after_reboot() -> None:
    """Go on with an install after the reboot that it asked for (called by systemd)."""
    node = Node()
    console = Console(progress=False, also=node.note)
    voice = voice_of(console, StopRequest(node.clock))

    @contextmanager
    def look(ignored: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        with open_staged_bundle(staged_bundle(node), anchors_of(node, Anchors())) as bundle:
            wait_for_place(node, bundle.index.model.name, voice.waiting)
            seen = survey(node, bundle, Answers(), None, ignored)
            console.show_remarks(seen.report)
            prepared = seen.prepared()
            check_medium(node, prepared, None)
            yield lambda: console.show_health(carry_out(node, prepared, voice))

    with lock_patiently(node, voice.waiting):
        node.open_log("install.log")
        resume(node, look)


@click.command("run-node", hidden=True)
def run_node_unit() -> None:
    """Become the cluster container (called by systemd)."""
    run_node(Node())


@click.command("stop-node", hidden=True)
def stop_node_unit() -> None:
    """End the cluster container (called by systemd)."""
    halt_node(Node())


@click.command("run-serve", hidden=True)
def run_serve_unit() -> None:
    """Become the server (called by systemd)."""
    run_serve(Node())


@click.command("stop-serve", hidden=True)
def stop_serve_unit() -> None:
    """End the server (called by systemd)."""
    halt_serve(Node())
