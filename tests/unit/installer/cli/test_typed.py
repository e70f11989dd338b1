"""Hints name what can be typed on this very node: the installed program, or else the launcher that was started."""

from dataclasses import replace
from pathlib import Path

import click
import pytest

from installer.cli import main_group
from installer.cli.options import anchor_options, ignore_option, place_options
from installer.cli.typed import CARRIED, HELP, Typed
from installer.node.paths import PROGRAM
from installer.peers.findings import LISTEN_THERE
from installer.preflight.finding import problem
from installer.survey import survey
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD
from tests.fakes.node import FakeNode

OPTIONS = ("--role", "head", "--nodes=10.0.0.1,10.0.0.2", "--trusted-key", "/root/release.pub", "--set", "port=9000")
PLACED = "--role head --nodes 10.0.0.1,10.0.0.2 --set port=9000 --trusted-key /root/release.pub"
COPY = Typed(("preflight", "/media/stick", *OPTIONS), "/root/install", "/media/stick", main_group.commands)
INSTALL, PREFLIGHT = (
    f"sh /root/install --bundle /media/stick {PLACED}",
    (f"sh /root/install --bundle /media/stick preflight {PLACED}"),
)


@pytest.mark.parametrize(
    ("hint", "fitting"),
    [
        ("vllm-airgap install --set max_model_len=4336", f"{INSTALL} --set max_model_len=4336"),
        ("reboot, then vllm-airgap install", f"reboot, then {INSTALL}"),
        ("then look again: vllm-airgap preflight", f"then look again: {PREFLIGHT}"),
        ("vllm-airgap install BUNDLE takes it", f"{INSTALL} takes it"),
        ("vllm-airgap install --help", "sh /root/install --bundle /media/stick --help"),
        ("vllm-airgap preflight --help", "sh /root/install --bundle /media/stick preflight --help"),
        ("vllm-airgap --help", "sh /root/install --bundle /media/stick --help"),
        ("use the vllm-airgap that made this bundle", "use the vllm-airgap that made this bundle"),
        ("systemctl restart vllm-airgap-node", "systemctl restart vllm-airgap-node"),
        (f"type {PROGRAM} install", f"type {PROGRAM} install"),
        ("", ""),
    ],
)
def test_before_the_install_a_hint_names_the_launcher_with_what_was_typed(
    node: FakeNode, hint: str, fitting: str
) -> None:
    assert COPY.fitting(hint, node) == fitting
    node.place(PROGRAM, b"")
    assert COPY.fitting(hint, node) == hint


def test_a_launcher_in_its_bundle_needs_no_folder(node: FakeNode) -> None:
    typed = replace(COPY, launcher="./install", bundle="")
    assert typed.fitting("vllm-airgap install", node) == f"sh ./install {PLACED}"


def test_where_nobody_knows_what_was_typed_words_stand_for_it(node: FakeNode) -> None:
    assert Typed(()).fitting("vllm-airgap install", node) == "sh install --bundle FOLDER"
    assert Typed(()).fitting("vllm-airgap --help", node) == "sh install --help"


def test_what_a_command_does_not_take_is_not_carried_to_it(node: FakeNode) -> None:
    looked = replace(COPY, arguments=("preflight", "/media/stick", "-o", "json", *OPTIONS, "--ignore-preflight", "shm"))
    assert looked.fitting("vllm-airgap install", node) == INSTALL.replace(
        "--trusted-key", "--ignore-preflight shm --trusted-key"
    )
    checked = replace(
        COPY, arguments=("verify", "/media/stick", "--trusted-key", "a key", "--trust-on-first-use", "-q")
    )
    anchors = "--trusted-key 'a key' --trust-on-first-use"
    assert checked.fitting("vllm-airgap install", node) == f"sh /root/install --bundle /media/stick {anchors}"
    assert checked.fitting("vllm-airgap preflight", node).endswith(f" preflight {anchors}")


@pytest.mark.parametrize(
    ("hint", "fitting"),
    [
        (
            "vllm-airgap install --set max_model_len=4336 or vllm-airgap install --set port=1 --set shm_size=1g, say",
            (
                "{0} --node-ip 10.0.0.9 --set port=9000 --set max_model_len=4336 or {0} --node-ip 10.0.0.9 --set "
                "max_model_len=32768 --set port=1 --set shm_size=1g, say"
            ),
        ),
        (
            "vllm-airgap install --node-ip IP, with --set port=1",
            "{0} --set max_model_len=32768 --set port=9000 --node-ip IP, with --set port=1",
        ),
    ],
)
def test_what_a_hint_says_anew_is_not_carried(node: FakeNode, hint: str, fitting: str) -> None:
    options = ("--set", "max_model_len=32768", "--set", "port=9000", "--node-ip", "10.0.0.9")
    typed = replace(COPY, arguments=("install", "/media/stick", *options))
    assert typed.fitting(hint, node) == fitting.format("sh /root/install --bundle /media/stick")


@pytest.mark.parametrize(
    ("command", "mode"),
    [
        ("install", "--dry-run"),
        ("install", "--reboot"),
        ("install", "--wait"),
        ("install", "--yes"),
        ("install", "--no-progress"),
        ("preflight", "--listen"),
        ("preflight", "--output=json"),
    ],
)
def test_how_this_one_run_was_to_go_is_not_carried(node: FakeNode, command: str, mode: str) -> None:
    typed = replace(COPY, arguments=(command, "/media/stick", *OPTIONS, mode))
    assert typed.fitting("vllm-airgap install", node) == INSTALL
    assert typed.fitting("vllm-airgap preflight", node) == PREFLIGHT


def test_all_that_says_place_and_anchor_is_carried() -> None:
    @place_options
    @ignore_option
    @anchor_options
    def nothing() -> None:
        pass

    assert frozenset(option.name for option in click.command()(nothing).params) == CARRIED


LISTENING = f"on each of them: {LISTEN_THERE} (where it is installed: systemctl start vllm-airgap-node)"


def test_the_other_nodes_are_told_to_listen_with_what_was_typed_here(node: FakeNode) -> None:
    own = ("--node-ip", "10.0.0.1", "--ignore-preflight", "shm", "-o", "json")
    typed = replace(COPY, arguments=("preflight", "/media/stick", *own, *OPTIONS))
    options = "--nodes 10.0.0.1,10.0.0.2 --set port=9000 --trusted-key /root/release.pub"
    there = f"sh /root/install --bundle /media/stick preflight --listen {options}"
    for _ in ("before the install", "after it, for they may have none"):
        assert typed.fitting(LISTENING, node) == LISTENING.replace(LISTEN_THERE, there)
        node.place(PROGRAM, b"")


@pytest.mark.parametrize("typed", [("--trusted-key", "release.pub"), ("--nodes", "10.0.0.1,10.0.0.2"), ()])
def test_who_listens_is_told_by_words_that_stand_for_what_was_not_typed(node: FakeNode, typed: tuple[str, ...]) -> None:
    looked = replace(COPY, arguments=("preflight", "/media/stick", *typed))
    assert looked.fitting(LISTENING, node) == LISTENING


def test_wrong_options_are_not_carried(node: FakeNode) -> None:
    typed = replace(COPY, arguments=("install", "/media/stick", "--nonsense"))
    assert typed.fitting("vllm-airgap install", node) == "sh /root/install --bundle /media/stick"


def test_what_a_shell_would_take_apart_is_quoted(node: FakeNode) -> None:
    typed = replace(COPY, launcher="my stick/install", bundle="", arguments=())
    assert typed.fitting("vllm-airgap install", node) == "sh 'my stick/install'"


def test_the_fixes_of_findings_are_told_so_too(node: FakeNode, made: MadeBundle) -> None:
    with made.opened() as bundle:
        seen = survey(node, bundle, HEAD, None)
    found = problem("serve-plan", "does not fit", "vllm-airgap install --set max_model_len=1")
    told = COPY.fitted(replace(seen, report=replace(seen.report, findings=(found,))), node)
    assert [each.fix for each in told.report.findings] == [f"{INSTALL} --set max_model_len=1"]


def test_a_hint_that_was_made_to_fit_leaves_its_command_the_short_help(root: Path) -> None:
    """Click remembers a command's help option as it was made first."""
    look = click.Command("preflight")
    typed = Typed(("preflight",), "/root/install", "", {"preflight": look})
    assert typed.fitting("vllm-airgap preflight", FakeNode(root)) == "sh /root/install preflight"
    found = look.get_help_option(click.Context(look, help_option_names=HELP))
    assert found is not None
    assert found.opts == HELP
