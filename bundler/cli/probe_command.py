"""`bundle probe`."""

import importlib.resources

import click

from bundler.cli import options
from bundler.console import Console


@click.command()
@options.console_options
def probe(console: Console) -> None:
    """Print a shell script that writes down what a node is: its system, disks, driver, GPUs, docker, network.

    It needs nothing on the node but a shell, changes nothing there, and sends nothing. Its head says what it writes
    down and what it leaves out.

    \b
    bundle probe > probe.sh     here; carry it to the site
    sh probe.sh                 on each node, as root; carry site-HOSTNAME.json back
    bundle lint MANIFEST --site site-gpu1.json --site site-gpu2.json
    """  # noqa: D301 # click's own mark of lines that stay as they are
    script = importlib.resources.files("bundler").joinpath("probe.sh").read_text("ascii")
    console.say_script(script.removesuffix("\n"))
