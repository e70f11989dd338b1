"""Where the passphrase of a private key comes from."""

import sys
from pathlib import Path

import click

from installer.errors import UsageError

_LONGEST = 4096  # bytes
_FIRST_LINE = "--passphrase-file names a file whose first line is the passphrase"


def new_passphrase(file: Path | None) -> bytes:
    """For a key that is being made; empty where the person asked chose none."""
    if file:
        return _read(file)
    if not sys.stdin.isatty():
        raise UsageError(
            "no key made: nobody to ask for its passphrase",
            hint="pass --passphrase-file FILE, or --no-passphrase for a key that is not encrypted",
        )
    text: str = click.prompt(
        "Passphrase (empty for none)",
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt=True,
        err=True,
    )
    return text.encode()


def ask_passphrase(key: Path, file: Path | None) -> bytes:
    if file:
        return _read(file)
    if not sys.stdin.isatty():
        raise UsageError(f"{key}: encrypted, and nobody to ask", hint="pass --passphrase-file FILE")
    text: str = click.prompt(f"Passphrase of {key}", hide_input=True, err=True)
    return text.encode()


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            line = opened.readline(_LONGEST).rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint=_FIRST_LINE) from error
    if not line:
        raise UsageError(f"{file}: its first line is empty", hint=_FIRST_LINE)
    return line
