"""`preflight -o json` writes one document in every case, also where it could not look at the node."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import click

from installer.cli.refusals import as_ours, exit_code_of
from installer.cli.typed import Typed
from installer.console import Console
from installer.errors import AirgapError
from installer.node import Node
from installer.preflight.report import FORMAT


class DocumentedCommand(click.Command):
    """One whose document tells a wrong option too."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401  # click's
    ) -> click.Context:
        if parent is None or not _asks_for_json(args):
            return super().make_context(info_name, args, parent, **extra)
        with refusals_documented(parent.obj):
            return super().make_context(info_name, args, parent, **extra)


@contextmanager
def refusals_documented(typed: Typed) -> Iterator[None]:
    """What ends the command is told as a document, and goes on as the error it is."""
    try:
        yield
    except (AirgapError, click.ClickException, OSError) as error:
        ours = as_ours(error)
        Console().show_json(
            {
                "format": FORMAT,
                "error": str(ours),
                "hint": typed.fitting(ours.hint, Node()),
                "exit_code": exit_code_of(ours),
            }
        )
        raise


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Told without click, which may not come as far as this option."""
    written = {"-ojson", "--output=json"}
    return not written.isdisjoint(arguments) or not {("-o", "json"), ("--output", "json")}.isdisjoint(
        pairwise(arguments)
    )
