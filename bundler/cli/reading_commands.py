"""`bundle verify` and `bundle inspect`."""

import json
from pathlib import Path

import click

from bundler.cli import options
from bundler.console import Console
from bundler.inspect import describe, read_index
from installer.errors import AirgapError, DamagedError, MalformedError, NotAuthenticError
from installer.index.document import render_index
from installer.trust.keys import parse_fingerprint, read_public_key
from installer.trust.signatures import Anchors
from installer.trust.verdict import Verdict, verify_quickly
from installer.trust.verdict import verify as verify_fully

_REFUSALS = {
    NotAuthenticError.exit_code: "not authentic",
    MalformedError.exit_code: "malformed",
    DamagedError.exit_code: "content differs",
}


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
    try:
        anchors = Anchors(tuple(map(read_public_key, trusted_keys)), tuple(map(parse_fingerprint, fingerprints)))
        verdict = verify_quickly(folder, anchors) if quick else verify_fully(folder, anchors, console.meter)
    except AirgapError as error:
        if form == "json":
            console.say_json(json.dumps(_refusal(error), indent=1))
        raise
    for warning in verdict.warnings:
        console.warn(warning)
    if form == "json":
        console.say_json(json.dumps(_document(verdict), indent=1))
    else:
        _show(verdict, folder, console)
    return _exit_code(verdict)


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


def _exit_code(verdict: Verdict) -> int:
    return 0 if verdict.signers else NotAuthenticError.exit_code


def _refusal(error: AirgapError) -> dict[str, object]:
    """So that a script that reads standard output finds one document, however it ended."""
    return {
        "verdict": _REFUSALS.get(error.exit_code, "not checked"),
        "exit_code": error.exit_code,
        "authenticated": error.authenticated,
        "error": str(error),
        "hint": error.hint,
    }


def _document(verdict: Verdict) -> dict[str, object]:
    signers = verdict.signers
    return {
        "verdict": verdict.words,
        "exit_code": _exit_code(verdict),
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
