"""`bundle verify` and `bundle inspect`."""

import json
from pathlib import Path

import click

from bundler.cli import options
from bundler.console import Console
from bundler.inspect import describe, read_index
from installer.errors import NotAuthenticError, UsageError
from installer.index.document import render_index
from installer.trust.keys import LARGEST_KEY, PublicKey, parse_public_key
from installer.trust.signatures import Anchors
from installer.trust.verdict import Verdict, verify_quickly
from installer.trust.verdict import verify as verify_fully

_FINGERPRINT_DIGITS = 64


@click.command()
@options.folder_argument
@options.trusted_key_option
@options.fingerprint_option
@options.quick_option
@options.json_option
@options.console_options
def verify(
    console: Console,
    folder: Path,
    trusted_keys: tuple[Path, ...],
    fingerprints: tuple[str, ...],
    form: str,
    *,
    quick: bool,
) -> int:
    """Check the signature of the bundle in DIR, then names and sizes, then every byte."""
    anchors = Anchors(tuple(map(_read_key, trusted_keys)), tuple(map(_read_fingerprint, fingerprints)))
    verdict = verify_quickly(folder, anchors) if quick else verify_fully(folder, anchors, console.meter)
    for warning in verdict.warnings:
        console.warn(warning)
    if form == "json":
        console.say_json(json.dumps(_document(verdict), indent=1))
    else:
        _show(verdict, folder, console)
    return 0 if verdict.signers else NotAuthenticError.exit_code


@click.command()
@options.folder_argument
@options.json_option
@options.console_options
def inspect(console: Console, folder: Path, form: str) -> None:
    """Say what is in the bundle in DIR, without a word about who made it."""
    index = read_index(folder)
    if form == "json":
        console.say_json(render_index(index).decode("ascii").rstrip("\n"))
        return
    for word, text in describe(index):
        console.say(f"{word:14} {text}")


def _read_key(path: Path) -> PublicKey:
    try:
        with path.open("rb") as file:
            return parse_public_key(file.read(LARGEST_KEY + 1), str(path))
    except OSError as error:
        raise UsageError(f"--trusted-key {path}: {error.strerror}") from error


def _read_fingerprint(text: str) -> str:
    digits = text.replace(":", "").replace(" ", "").lower()
    if len(digits) != _FINGERPRINT_DIGITS or set(digits) - set("0123456789abcdef"):
        raise UsageError(f"--fingerprint {text}: not {_FINGERPRINT_DIGITS} hex digits", hint="give all of them")
    return digits


def _show(verdict: Verdict, folder: Path, console: Console) -> None:
    index = verdict.index
    console.say(f"{folder}: {verdict.words}")
    console.say(f"{index.name} {index.version}, sequence {index.sequence}, {len(index.files)} files")
    if verdict.signers:
        for key in verdict.signers.keys:
            console.say(f"signed by {key.fingerprint} ({verdict.signers.anchored_by})")
    else:
        console.say("nothing says whose bundle this is: pass --trusted-key PUB or --fingerprint HEX,")
        console.say("got from the person who built it, by another road than this medium")


def _document(verdict: Verdict) -> dict[str, object]:
    signers = verdict.signers
    return {
        "verdict": verdict.words,
        "authenticated": signers is not None,
        "contents_read": verdict.contents_read,
        "name": verdict.index.name,
        "version": verdict.index.version,
        "sequence": verdict.index.sequence,
        "sha256sums": verdict.sums_digest,
        "signers": [key.fingerprint for key in signers.keys] if signers else [],
        "anchored_by": signers.anchored_by if signers else None,
        "warnings": list(verdict.warnings),
    }
