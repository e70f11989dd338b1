"""How findings are shown: two lines each for people, one document for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bundler.cli.os_errors import environment_problem
from bundler.console import Console
from bundler.findings import Finding
from bundler.lock import Backend
from bundler.several_errors import SeveralError
from installer.errors import AirgapError

SCHEMA = 2  # raise it when a key goes or means something else


def show(found: Sequence[Finding], console: Console) -> None:
    for finding in found:
        console.point_out(f"{finding.severity} {finding.text}")
        if finding.fix:
            console.point_out(f"fix: {finding.fix}")


def show_as_json(
    found: Sequence[Finding],
    backend: Backend | None,
    console: Console,
    *,
    unchecked: Sequence[str] = (),
    nodes: Sequence[Mapping[str, object]] | None = None,
) -> None:
    """``unchecked`` is what no rule could look at; ``nodes`` are those that were looked at, None if nobody asked."""
    document = {
        "schema": SCHEMA,
        "problems": sum(finding.exit_code != 0 for finding in found),
        "warnings": sum(finding.exit_code == 0 for finding in found),
        "backend": backend.document() if backend else None,
        "findings": [finding.document() for finding in found],
        "unchecked": list(unchecked),
        **({} if nodes is None else {"nodes": list(nodes)}),
    }
    console.say_json(json.dumps(document, indent=1))


@contextmanager
def ended_by(rule: str, path: Path, console: Console) -> Iterator[None]:
    """What ends the command stands in the document too, under the name ``rule``; then it goes on as the error it is."""
    try:
        yield
    except AirgapError as error:
        each = error.errors if isinstance(error, SeveralError) else (error,)
        show_as_json([finding_of(rule, path, one) for one in each], None, console)
        raise
    except OSError as error:
        show_as_json([finding_of(rule, path, environment_problem(error))], None, console)
        raise


def finding_of(rule: str, path: Path, error: AirgapError) -> Finding:
    """``path`` is where it is wrong if its text does not begin with the place."""
    where, colon, what = str(error).removeprefix(f"{path}: ").partition(": ")
    if not colon:
        where, what = str(path), where
    return Finding(rule, where, what, error.hint or "mend it, then run `bundle lint` again", error.exit_code)


def warnings_of(found: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in found if not finding.exit_code]


def exit_code_of(found: Sequence[Finding]) -> int:
    """That of the first error; warnings never fail."""
    return next((finding.exit_code for finding in found if finding.exit_code), 0)
