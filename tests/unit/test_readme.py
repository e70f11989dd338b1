"""The README names what there is: commands, options, exit codes, files; and nothing that is not there."""

import re
import signal
from pathlib import Path

import click
import pytest

from bundler.cli import bundle
from installer.cli import main_group
from installer.errors import AirgapError

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
FENCES = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line for fence in FENCES for line in fence.replace("\\\n", "").splitlines()]
CODE = [*LINES, *re.findall(r"`([^`\n]+)`", TEXT)]
FOLDERS = "bundler|installer|manifests|scripts|tests"
PATHS = set(re.findall(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\w)", TEXT))
LINKS = {link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link}
CONTEXT = click.Context(bundle)
# The words before the options, and the command that reads them; `--bundle` is the launcher's own.
NODE = tuple(name for name, command in main_group.commands.items() if not command.hidden)
MAKING = {name: command for name in bundle.list_commands(CONTEXT) if (command := bundle.get_command(CONTEXT, name))}
STARTS = {f"bundle {name}": command for name, command in MAKING.items()}
STARTS |= {f"vllm-airgap {name}": main_group.commands[name] for name in NODE}
STARTS |= {"sh /root/install": main_group.commands["install"], "./install": main_group.commands["install"]}


def options_of(command: click.Command) -> set[str]:
    inner = tuple(command.commands.values()) if isinstance(command, click.Group) else ()
    parameters = (parameter for each in (command, *inner) for parameter in each.params)
    return {option for parameter in parameters for option in parameter.opts} | {"--bundle"}


def exit_codes() -> set[int]:
    classes: list[type[AirgapError]] = [AirgapError, *AirgapError.__subclasses__()]
    interrupted = {128 + number for number in (signal.SIGINT, signal.SIGTERM)}
    return {0} | {error.exit_code for error in classes} | interrupted


@pytest.mark.parametrize("name", [*MAKING, *NODE])
def test_every_command_is_shown(name: str) -> None:
    program = "bundle" if name in MAKING else "vllm-airgap"
    assert any(code.startswith(f"{program} {name}") for code in CODE)


def test_no_other_command_is_shown() -> None:
    shown = {found[0] for code in CODE if (found := re.match(r"(bundle|vllm-airgap) [a-z][a-z-]*", code))}
    assert shown <= set(STARTS)


@pytest.mark.parametrize("start", STARTS)
def test_only_options_that_the_command_has_are_shown(start: str) -> None:
    typed = (re.split(r"\s#\s", code)[0] for code in CODE if code.startswith(f"{start} "))
    shown = {word.split("=")[0] for code in typed for word in code.split() if re.fullmatch(r"--?[a-z][a-z=-]*", word)}
    assert shown <= options_of(STARTS[start])


def test_the_table_has_every_exit_code_and_no_other() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", TEXT, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == exit_codes()


def test_what_is_named_is_there() -> None:
    assert {"scripts/demo", "scripts/test", "scripts/bench"} <= PATHS
    assert {"LICENSE", "CHANGELOG.md"} <= LINKS
    assert [path for path in sorted(PATHS | LINKS) if not (ROOT / path).exists()] == []


def test_a_manifest_is_named() -> None:
    assert [path for path in PATHS if path.endswith(".yaml")]
