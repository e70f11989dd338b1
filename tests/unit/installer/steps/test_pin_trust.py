import json
from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import DamagedError, EnvironmentProblemError
from installer.node.paths import PROGRAM
from installer.pinned import TRUST_JSON, TRUSTED_KEYS, Pinned, pinned_keys, read_pinned
from installer.staging import Staging
from installer.steps.pin_trust import PinTrust
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle, public_key
from tests.fakes.node import FakeNode
from tests.fakes.staged import copy_of, spoil, stage
from tests.fakes.stepping import assert_converges, assert_settled, make_true

PINNED = Pinned("demo", 1, "0" * 64, "trusted key")


def step_of(made: MadeBundle, staging: Staging) -> PinTrust:
    return PinTrust(PINNED, (public_key(),), made.index.only("runtime"), staging)


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> PinTrust:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_the_program(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, "/models")).pending(node) == "the program is not on the node"


def test_it_pins_the_bundle_its_keys_and_the_program(node: FakeNode, step: PinTrust) -> None:
    make_true(step, node)
    assert read_pinned(node) == PINNED
    assert pinned_keys(node) == (public_key(),)
    assert node.read("/opt/vllm-airgap/current/program") == b"program 1"
    assert node.at("/usr/local/sbin/vllm-airgap").stat().st_mode & 0o777 == 0o755


def test_the_record_is_for_root_only(node: FakeNode, step: PinTrust) -> None:
    make_true(step, node)
    assert node.at("/etc/vllm-airgap").stat().st_mode & 0o777 == 0o700
    assert node.at("/etc/vllm-airgap/trust.json").stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(node: FakeNode, step: PinTrust) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, PinTrust]:
        node = FakeNode(folder)
        return node, step_of(made, stage(node, made))

    assert assert_converges(start, root) == 3


def test_no_key_is_pinned_before_the_bundle_is_recorded(node: FakeNode, step: PinTrust) -> None:
    """A key without a record would make a repeated first use look like a second one."""
    node.changes.forget()
    make_true(step, node)
    *_, record, key = node.changes.done
    assert record == "place /etc/vllm-airgap/trust.json"
    assert key.startswith("place /etc/vllm-airgap/trusted-keys/")


def test_a_kill_while_the_runtime_is_unpacked_leaves_no_half_runtime(node: FakeNode, step: PinTrust) -> None:
    node.place(f"/opt/vllm-airgap/{step.runtime.sha256},new/python/bin/python3", b"half")
    make_true(step, node)
    assert sorted(path.name for path in node.at("/opt/vllm-airgap").iterdir()) == sorted(
        [step.runtime.sha256, "current"]
    )


def test_a_newer_program_takes_the_place_of_the_older_one(node: FakeNode, step: PinTrust, tmp_path: Path) -> None:
    make_true(step, node)
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, program="program 2"))
    second = replace(step_of(newer, stage(node, newer)), pinned=replace(PINNED, sequence=2))
    assert second.pending(node) == "the program is not on the node"
    make_true(second, node)
    assert node.read("/opt/vllm-airgap/current/program") == b"program 2"
    assert step.pending(node) == "another program is the current one"


@pytest.mark.parametrize("path", [TRUST_JSON, PROGRAM, f"{TRUSTED_KEYS}/{public_key().key_id}.pub"])
def test_what_was_changed_by_hand_is_put_back(node: FakeNode, step: PinTrust, path: str) -> None:
    make_true(step, node)
    node.place(path, b"changed")
    assert step.pending(node) == f"{path} is missing or differs"
    make_true(step, node)


def test_a_runtime_copy_that_changed_is_not_unpacked(node: FakeNode, made: MadeBundle, step: PinTrust) -> None:
    spoil(copy_of(node, made, "runtime"))
    with pytest.raises(DamagedError, match=r"the node's copy of runtime\.tar\.gz: content differs"):
        step.apply(node)
    assert not node.at("/opt/vllm-airgap/current").exists()
    assert read_pinned(node) is None


def test_a_runtime_copy_that_is_gone_is_asked_for(node: FakeNode, made: MadeBundle, step: PinTrust) -> None:
    copy_of(node, made, "runtime").unlink()
    with pytest.raises(EnvironmentProblemError, match="the node's copy is gone") as caught:
        step.apply(node)
    assert caught.value.hint == "vllm-airgap install BUNDLE takes it from the medium again"


def test_the_record_says_how_the_key_came_to_be_trusted(node: FakeNode, step: PinTrust) -> None:
    make_true(replace(step, pinned=replace(PINNED, anchored_by="first use")), node)
    assert json.loads(node.read("/etc/vllm-airgap/trust.json") or b"")["anchored_by"] == "first use"
