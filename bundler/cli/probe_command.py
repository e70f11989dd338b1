"""`bundle probe`."""

import importlib.resources

import click

from bundler.cli import options
from bundler.console import Console


@click.command()
@options.console_options
def probe(console: Console) -> None:
    """Print a shell script that writes down what a node is, for `bundle lint --site`.

    bundle probe > probe.sh; carry it to the site, `sh probe.sh` on each node as root, carry site.json back. It needs
    no Python there, changes nothing, and says itself what it writes down.
    """
    script = importlib.resources.files("bundler").joinpath("probe.sh").read_text("ascii")
    console.say_script(script.removesuffix("\n"))
