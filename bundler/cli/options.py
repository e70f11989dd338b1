"""Every option and argument of the commands, declared once."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bundler.console import Console
from bundler.lock import PARTS
from bundler.sizes import has_unit, parse_size

_PATH = click.Path(path_type=Path)
_KEY_HELP = "The private key to sign with."
_JOBS = 4
_UNITS = "G, GB and GiB are one and the same here: 2^30 bytes."
_LEAST_WEIGHTS = 64 << 20  # bytes; of less somebody left out the unit, or meant another


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    size = None if text is None else parse_size(text)
    if text is not None and size is None:
        raise click.BadParameter(f"{text!r} is no size: write 500M, 50G or 1.5T")
    return size


def _weights_size(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    size = _size(context, option, text)
    if text is None or size is None:
        return None
    figure = re.sub(r"[ A-Za-z]+$", "", text.strip())
    if not has_unit(text) and size >= _LEAST_WEIGHTS:
        raise click.BadParameter(f"{text!r} has no unit: say {figure}B if these are bytes")
    if size < _LEAST_WEIGHTS:
        what = "is less than 64 MiB" if has_unit(text) else "has no unit"
        raise click.BadParameter(f"{text!r} {what}: say {figure}G or {figure}GiB")
    return size


manifest_argument = click.argument("manifest", type=_PATH)
folder_argument = click.argument("folder", metavar="DIR", type=_PATH)
target_option = click.option("-o", "--output", "target", metavar="DIR", type=_PATH, required=True, help="A new folder.")
json_option = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Print the result as text for people, or as one JSON document for programs.",
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
    metavar="GPUS",
    default="",
    help="Say what fits on these, whichever the manifest names. 2x1xT4-16G: 2 nodes, 1 GPU in each, T4 cards, of 16 GB "
    "each. -16G may be left out where the card is sold in one size. All cards that are known stand below.",
)
site_option = click.option(
    "--site",
    "sites",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="The file that probe.sh wrote on a node. Give this option once for each node, the head first.",
)
weights_option = click.option(
    "--weights",
    metavar="SIZE",
    callback=_weights_size,
    help="Count with weight files of this size together, 19.3G say, where neither lock nor folder has them yet. Where "
    f"one has, a warning tells the difference. {_UNITS}",
)
older_than_option = click.option(
    "--older-than", metavar="DAYS", type=click.IntRange(0, 36500), help="What no build has used for so many days."
)
max_size_option = click.option(
    "--max-size",
    metavar="SIZE",
    callback=_size,
    help=f"What is too much for the cache to have this size (50G, say) at most. {_UNITS}",
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

    @click.option("-q", "--quiet", is_flag=True, help="Print results, warnings and errors, and not how it goes.")
    @click.option("--no-progress", is_flag=True, help="Print no bars, and no lines that say how far it is.")
    @functools.wraps(command)
    def with_console(*, quiet: bool, no_progress: bool, **options: Any) -> int | None:  # noqa: ANN401 # click's
        console = Console(quiet=quiet, progress=not no_progress)
        try:
            return command(console, **options)
        finally:
            console.close()

    return with_console
