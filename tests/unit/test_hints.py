"""What messages tell people to type is a command that there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bundler.cli import bundle
from installer.cli import main_group

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(ROOT / package for package in ("bundler", "installer"))
NODE = {name for name, command in main_group.commands.items() if not command.hidden}
MAKING = set(bundle.list_commands(click.Context(bundle)))
PROSE = {"makes", "that", "was", "with"}  # what sentences about the program go on with
# A bundle is also a thing: only in backticks, or where a command can begin, it is the program.
TYPED = re.compile(r"(?:^|`|[:;,] |\bthen |\brun )bundle ([a-z][a-z-]*)")
NAMED = re.compile(r"(?<![\w/.-])vllm-airgap ([a-z][a-z-]*)")


def texts() -> Iterator[tuple[str, str]]:
    """(file, text): every string of the sources, with {} for what is filled in, and what is copied as it is."""
    for path in sorted(path for package in PACKAGES for path in package.rglob("*")):
        name = str(path.relative_to(ROOT))
        if path.suffix == ".py":
            yield from ((name, text) for text in strings(ast.parse(path.read_bytes())))
        elif path.suffix in {".sh", ".yaml", ".service"}:
            yield name, path.read_text("utf-8")


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(tree, ast.JoinedStr):
            yield node.value
        yield from strings(node)


def unknown(pattern: re.Pattern[str], known: set[str]) -> list[tuple[str, str]]:
    return [(name, found[0]) for name, text in texts() for found in pattern.finditer(text) if found[1] not in known]


@pytest.mark.parametrize(("pattern", "known"), [(NAMED, NODE | PROSE), (TYPED, MAKING)], ids=["vllm-airgap", "bundle"])
def test_every_command_that_a_message_names_is_there(pattern: re.Pattern[str], known: set[str]) -> None:
    assert unknown(pattern, known) == []


@pytest.mark.parametrize(("pattern", "command"), [(NAMED, "install"), (TYPED, "lock")])
def test_commands_are_found_in_messages(pattern: re.Pattern[str], command: str) -> None:
    assert [found for _, text in texts() for found in pattern.findall(text) if found == command]
