"""`verify`."""

from pathlib import Path
from typing import Any

import click

from installer.cli import options as declared
from installer.cli.voice import meter_of
from installer.errors import NotAuthenticError
from installer.install import anchors_of
from installer.node import Node
from installer.stop_request import StopRequest
from installer.trust.verdict import verify as verify_bundle


@click.command(short_help="Check signature and contents of a bundle.")
@click.argument("directory", type=Path)
@declared.anchor_options
@declared.output_options
def verify(directory: Path, **options: Any) -> None:  # noqa: ANN401  # click knows the types
    """Check signature, names, sizes and every byte of the bundle in the folder DIRECTORY. Changes nothing.

    It takes as long as reading the medium once. Without --trusted-key or --fingerprint it ends with code 3, as long
    as no install has pinned a key here.

    \b
    Before this program is on the node it is started from the bundle:
      sh /media/stick/install verify ...              DIRECTORY is its folder
      sh /root/install --bundle DIRECTORY verify ...  a copy of it
    """  # noqa: D301  # click's own mark of lines that stay as they are
    node, console = Node(), declared.typed_console(options)
    meter = meter_of(console, StopRequest(node.clock))
    verdict = verify_bundle(directory, anchors_of(node, declared.typed_anchors(options)), meter)
    if verdict.signers is None:
        raise NotAuthenticError(verdict.words, hint="--trusted-key FILE or --fingerprint SHA256 says whom to believe")
    console.say(f"{verdict.words}: {len(verdict.index.files)} files, by {verdict.signers.keys[0].fingerprint}")
