"""Every option of the commands, declared once, and what was typed with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from installer.cli.mistyped import check_name
from installer.console import Console
from installer.node.paths import MODELS
from installer.settings import Answers
from installer.trust.keys import PublicKey, parse_fingerprint, read_public_key
from installer.trust.signatures import Anchors

_Command = Callable[..., None]


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _key(name: str) -> PublicKey:
    return read_public_key(Path(name))


def anchor_options(command: _Command) -> _Command:
    """Whom this node believes."""
    for option in (
        click.option(
            *("--trust-on-first-use", "first_use"),
            is_flag=True,
            help="Believe the key that lies on the medium itself. Nothing shows then who made the bundle. It is noted "
            "down, and refused once a key is pinned on this node.",
        ),
        click.option(
            *("--fingerprint", "fingerprints"),
            multiple=True,
            type=parse_fingerprint,
            metavar="SHA256",
            help="In place of that file: the key's SHA-256, all 64 hex digits, as `bundle keygen` and `bundle build` "
            "print it.",
        ),
        click.option(
            *("--trusted-key", "keys"),
            multiple=True,
            type=_key,
            metavar="FILE",
            help="Public key (release.pub) of who signed the bundle, brought by another road than the bundle. An "
            "install pins it: later ones need none. May be repeated.",
        ),
    ):
        command = option(command)
    return command


def place_options(command: _Command) -> _Command:
    """What this node is in the cluster, and what the site changes. What is not typed an earlier install remembers."""
    for option in (
        click.option(
            *("--set", "overrides"),
            multiple=True,
            metavar="KEY=VALUE",
            help="Change a setting of the bundle for this site; remembered. KEY is max_model_len (tokens), "
            "gpu_memory_utilization (0.90, a share of the GPU's memory), tensor_parallel_size, pipeline_parallel_size "
            "(GPUs), port, shm_size (GiB: 10.24g), NCCL_* or GLOO_*. May be repeated; the same on every node.",
        ),
        click.option(
            "--data-dir",
            default="",
            metavar="FOLDER",
            help=f"Absolute path of the folder for the model's files.  [default: {MODELS}]",
        ),
        click.option(
            "--nodes",
            type=_addresses,
            default="",
            metavar="IP,IP,...",
            help="IPv4 addresses of all nodes, the head's first; the same list on every node.",
        ),
        click.option(
            "--head", default="", metavar="IP", help="On a worker: the head's address.  [default: the first of --nodes]"
        ),
        click.option(
            "--node-ip",
            default="",
            metavar="IP",
            help="This node's address in the cluster's network.  [default: the one of --nodes that it has]",
        ),
        click.option(
            "--role",
            type=click.Choice(["head", "worker"]),
            help="What this node is: the one head, which answers clients, or a worker. Needed the first time.",
        ),
    ):
        command = option(command)
    return command


def ignore_option(command: _Command) -> _Command:
    return click.option(
        *("--ignore-preflight", "ignored"),
        multiple=True,
        type=check_name,
        metavar="NAME",
        help="Go on in spite of what the check NAME finds; it is told all the same. NAME is the second word of its "
        "line. May be repeated.",
    )(command)


def output_options(command: _Command) -> _Command:
    command = click.option(
        "-q", "--quiet", is_flag=True, help="Print errors alone: no results, no warnings, and not how it goes."
    )(command)
    return click.option("--no-progress", is_flag=True, help="Print no bars, but lines that say how far it is.")(command)


def typed_answers(options: dict[str, Any]) -> Answers:
    names = ("node_ip", "head", "nodes", "data_dir", "overrides")
    return Answers(role=options["role"] or "", **{name: options[name] for name in names})


def typed_anchors(options: dict[str, Any]) -> Anchors:
    return Anchors(options["keys"], options["fingerprints"], first_use=options["first_use"])


def typed_console(options: dict[str, Any]) -> Console:
    return Console(quiet=options["quiet"], progress=not options["no_progress"])
