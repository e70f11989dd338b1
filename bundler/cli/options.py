"""Every option and argument of the commands, declared once."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bundler.console import Console
from bundler.lock import PARTS
from bundler.sizes import parse_size

_PATH = click.Path(path_type=Path)
_KEY_HELP = "The private key to sign with."
_JOBS = 4


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    size = None if text is None else parse_size(text)
    if text is not None and size is None:
        raise click.BadParameter(f"{text!r} is no size: write 500M, 50G or 1.5T")
    return size


manifest_argument = click.argument("manifest", type=_PATH)
folder_argument = click.argument("folder", metavar="DIR", type=_PATH)
target_option = click.option("-o", "--output", "target", metavar="DIR", type=_PATH, required=True, help="A new folder.")
json_option = click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text", help="How to print the result."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
quick_option = click.option("--quick", is_flag=True, help="Stop after names and sizes; read no contents.")
key_option = click.option("--key", metavar="KEY", type=_PATH, help=f"{_KEY_HELP} Without it, sign later.")
needed_key_option = click.option("--key", metavar="KEY", type=_PATH, required=True, help=_KEY_HELP)
passphrase_option = click.option(
    "--passphrase-file", metavar="FILE", type=_PATH, help="Its first line is the passphrase. Without it you are asked."
)
no_passphrase_option = click.option(
    "--no-passphrase", is_flag=True, help="Do not encrypt the private key: whoever can read its file can sign."
)
trusted_key_option = click.option(
    "--trusted-key", "trusted_keys", metavar="PUB", type=_PATH, multiple=True, help="A public key to believe."
)
fingerprint_option = click.option(
    "--fingerprint", "fingerprints", metavar="HEX", multiple=True, help="All 64 digits of a key's SHA-256."
)
jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(1, 64), default=_JOBS, show_default=True, help="Files fetched at a time."
)
gpus_option = click.option(
    "--gpus",
    metavar="NODESxGPUSxNAME[-MEMORYG]",
    default="",
    help="What fits on these, 2x1xT4-16G say, and not on those that the manifest names.",
)
site_option = click.option(
    "--site",
    "sites",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="What probe.sh wrote on a node; once for each node, the head's first.",
)
weights_option = click.option(
    "--weights", metavar="SIZE", callback=_size, help="Of the model's weight files, where no lock says it: 19.3G."
)
older_than_option = click.option(
    "--older-than", metavar="DAYS", type=click.IntRange(0, 36500), help="What no build has used for so many days."
)
max_size_option = click.option(
    "--max-size",
    metavar="SIZE",
    callback=_size,
    help="What is too much for the cache to have this size (50G, say) at most.",
)
update_option = click.option(
    "--update",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help=f"After MANIFEST: resolve again, everything or the part NAME ({', '.join(PARTS)}).",
)


def console_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give ``command`` a Console as the person wants it, and close its bars afterwards."""

    @click.option("-q", "--quiet", is_flag=True, help="Results, warnings and errors only.")
    @click.option("--no-progress", is_flag=True, help="No bars and no progress lines.")
    @functools.wraps(command)
    def with_console(*, quiet: bool, no_progress: bool, **options: Any) -> int | None:  # noqa: ANN401 # click's
        console = Console(quiet=quiet, progress=not no_progress)
        try:
            return command(console, **options)
        finally:
            console.close()

    return with_console
