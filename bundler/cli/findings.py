"""How findings are shown: two lines each for people, one document for programs."""

import json
from collections.abc import Mapping, Sequence

from bundler.console import Console
from bundler.findings import Finding
from bundler.lock import Backend

SCHEMA = 1  # raise it when a key goes or means something else


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
    nodes: Sequence[Mapping[str, object]] | None = None,
) -> None:
    """``nodes`` are those that were looked at, None where that was not asked for."""
    document = {
        "schema": SCHEMA,
        "errors": sum(finding.exit_code != 0 for finding in found),
        "warnings": sum(finding.exit_code == 0 for finding in found),
        "backend": backend.document() if backend else None,
        "findings": [finding.document() for finding in found],
        **({} if nodes is None else {"nodes": list(nodes)}),
    }
    console.say_json(json.dumps(document, indent=1))


def warnings_of(found: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in found if not finding.exit_code]
