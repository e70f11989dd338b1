"""What preflight found of one node, as a table for people and as a document for programs."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from installer.errors import printable
from installer.index.strict import Value
from installer.preflight.finding import PROBLEM, Finding

FORMAT = 1  # of the document


@dataclass(frozen=True)
class Report:
    """``findings`` are problems before warnings. ``ignored`` names the checks that a person chose to pass over."""

    bundle: str
    version: str
    sequence: int
    hostname: str
    role: str
    node_ip: str
    findings: tuple[Finding, ...]
    ignored: frozenset[str] = frozenset()

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Those that keep an install from going on."""
        return tuple(found for found in self.findings if found.level == PROBLEM and found.name not in self.ignored)

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """Those that an install tells, and goes on: warnings, and what is ignored."""
        return tuple(found for found in self.findings if found not in self.problems)

    def document(self) -> dict[str, Value]:
        return {
            "format": FORMAT,
            "bundle": {"name": self.bundle, "version": self.version, "sequence": self.sequence},
            "node": {"hostname": self.hostname, "role": self.role, "node_ip": self.node_ip},
            "findings": [
                {
                    "name": found.name,
                    "level": found.level,
                    "what": printable("; ".join(found.what.splitlines())),
                    "fix": printable(found.fix),
                    "ignored": found.name in self.ignored,
                }
                for found in self.findings
            ],
        }

    def table(self, width: int) -> tuple[str, ...]:
        """All findings, and a last line that counts them. In ``width`` columns, but for words that are longer."""
        return (*self.rows(self.findings, width), self._count())

    def rows(self, findings: tuple[Finding, ...], width: int) -> tuple[str, ...]:
        widest = max((len(found.name) for found in findings), default=0)
        return tuple(line for found in findings for line in self._row(found, widest, width))

    def _row(self, found: Finding, widest: int, width: int) -> Iterator[str]:
        level = "ignored" if found.name in self.ignored else found.level
        first = f"{level}  {found.name:{widest}}  "
        indent = " " * len(first)
        what, *rows = found.what.splitlines()  # more than one line is a table
        yield from _wrapped(first, indent, what, width)
        yield from (f"{indent}{row}" for row in rows)
        yield from _wrapped(indent, indent, f"fix: {found.fix}", width)

    def _count(self) -> str:
        ignored = sum(found.name in self.ignored for found in self.findings)
        warnings = len(self.findings) - len(self.problems) - ignored
        counts = ((len(self.problems), "problem"), (warnings, "warning"))
        words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
        return ", ".join((*words, *((f"{ignored} ignored",) if ignored else ()))) or "no problem found"


def _wrapped(start: str, indent: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
