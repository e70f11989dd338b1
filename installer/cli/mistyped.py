"""Which word was meant, where click does not say it."""

from collections.abc import Iterable
from difflib import get_close_matches

import click

from installer.cli.typed import ITSELF
from installer.errors import UsageError, printable
from installer.preflight import CHECKS, IGNORABLE, MISFITS

_LAUNCHED = ("preflight", "verify")  # the commands that a launcher knows by a word


class LaunchedCommand(click.Command):
    """What a launcher starts where it knows no command: the word in its place comes here, behind the bundle."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            what = f"Got unexpected extra argument ({' '.join(rest)})."
            if rest[0] == ITSELF:
                raise UsageError(what, hint=f"{ITSELF} is what it does without a word: leave that one out")
            if rest[0] in _LAUNCHED:
                raise UsageError(what, hint=f"the command comes first: vllm-airgap {rest[0]} BUNDLE")
            ctx.fail(f"{what}{_did_you_mean(rest[0], _LAUNCHED)}")
        return rest


def check_name(text: str) -> str:
    """The name of a check that may be ignored. Raises UsageError."""
    if text in IGNORABLE:
        return text
    if text in CHECKS or text in MISFITS:
        what = f"{text} cannot be ignored: no install could go on with it"
    else:
        what = f"no check is called {printable(text)!r}.{_did_you_mean(text, IGNORABLE)}"
    raise UsageError(f"--ignore-preflight: {what}", hint=f"these can be ignored: {', '.join(sorted(IGNORABLE))}")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
