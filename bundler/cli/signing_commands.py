"""`bundle keygen` and `bundle sign`."""

import sys
from functools import partial
from pathlib import Path

import click

from bundler.cli import options
from bundler.cli.passphrases import ask_passphrase, new_passphrase
from bundler.console import Console
from bundler.inspect import opt_ins
from bundler.signing import Lists, SigningKey, exposure, load_key, make_key_pair, read_lists, write_signature
from installer.errors import UsageError


def open_key(path: Path, passphrase_file: Path | None, console: Console) -> SigningKey:
    key = load_key(path, partial(ask_passphrase, path, passphrase_file))
    if reason := exposure(path):
        console.warn(reason)
    return key


@click.command()
@click.argument("name", type=click.Path(path_type=Path))
@options.passphrase_option
@options.no_passphrase_option
@options.console_options
def keygen(console: Console, name: Path, passphrase_file: Path | None, *, no_passphrase: bool) -> None:
    """Make the key pair NAME.key and NAME.pub."""
    if no_passphrase and passphrase_file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other", hint="pass one of them")
    pair = make_key_pair(name, b"" if no_passphrase else new_passphrase(passphrase_file))
    console.say(f"private key  {pair.private}   stays where you sign")
    console.say(f"public key   {pair.public}   goes to the nodes, by another road than the bundle")
    console.say(f"fingerprint  {pair.fingerprint}")


@click.command()
@options.folder_argument
@options.needed_key_option
@options.passphrase_option
@options.yes_option
@options.console_options
def sign(console: Console, folder: Path, key: Path, passphrase_file: Path | None, *, yes: bool) -> None:
    """Sign the bundle in DIR. Of its files, only SHA256SUMS and bundle.json need to be there."""
    lists = read_lists(folder)
    _show(lists, console)
    if not yes and not sys.stdin.isatty():
        raise UsageError("not signed: nobody to ask", hint="pass --yes")
    if not yes and not click.confirm("Sign this?", err=True):
        raise UsageError("not signed")
    signing_key = open_key(key, passphrase_file, console)
    write_signature(folder, lists.sums, signing_key)
    console.say(f"signed by    {signing_key.public.fingerprint}")


def _show(lists: Lists, console: Console) -> None:
    index = lists.index
    target = index.target
    console.say(f"name         {index.name}")
    console.say(f"version      {index.version}")
    console.say(f"sequence     {index.sequence}")
    console.say(f"target       {target.arch}, glibc {target.glibc}, {target.packages}")
    console.say(f"allowed      {opt_ins(index)}")
    console.say(f"SHA256SUMS   {lists.sums_digest}")
