import json
from dataclasses import replace

import pytest

from installer.errors import EnvironmentProblemError, RefusedError
from installer.pinned import (
    TRUST_JSON,
    TRUSTED_KEYS,
    Pinned,
    Previous,
    check_policy,
    pinned_keys,
    read_pinned,
    record_up,
)
from installer.settings import NODE_JSON
from tests.fakes.bundle import MadeBundle, public_key
from tests.fakes.node import FakeNode

DIGEST = "a" * 64
PINNED = Pinned("demo", 1, DIGEST, "trusted key")


def test_a_bare_node_has_pinned_nothing(node: FakeNode) -> None:
    assert read_pinned(node) is None
    assert pinned_keys(node) == ()


def test_the_record_survives_its_file(node: FakeNode) -> None:
    node.place(TRUST_JSON, PINNED.render())
    assert read_pinned(node) == PINNED


def test_the_record_remembers_the_bundle_before(node: FakeNode) -> None:
    newer = replace(PINNED, sequence=2, sums_digest="b" * 64, previous=Previous(1, DIGEST))
    node.place(TRUST_JSON, newer.render())
    assert read_pinned(node) == newer


def test_the_record_remembers_that_the_bundle_was_up(node: FakeNode) -> None:
    node.place(TRUST_JSON, PINNED.render())
    record_up(node, PINNED)
    assert read_pinned(node) == replace(PINNED, was_up=True)
    assert node.at(TRUST_JSON).stat().st_mode & 0o777 == 0o600
    node.changes.forget()
    record_up(node, replace(PINNED, was_up=True))
    assert node.changes.done == []


UP = replace(PINNED, was_up=True)
NEWER = replace(PINNED, sequence=2, sums_digest="b" * 64)


def test_what_was_up_last_comes_before_what_is_installed_now() -> None:
    assert NEWER.after(None) == NEWER
    assert NEWER.after(UP).previous == Previous(1, DIGEST)


def test_what_was_never_up_is_no_way_back() -> None:
    assert NEWER.after(PINNED).previous is None
    failed = replace(NEWER.after(UP))
    third = replace(PINNED, sequence=3, sums_digest="c" * 64)
    assert third.after(failed).previous == Previous(1, DIGEST)
    assert third.after(replace(failed, was_up=True)).previous == Previous(2, "b" * 64)


def test_an_install_of_the_same_bundle_again_changes_neither() -> None:
    assert PINNED.after(UP) == UP
    newer = replace(NEWER.after(UP), was_up=True)
    assert NEWER.after(newer) == newer


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"{}",
    PINNED.render()[:-3],
    json.dumps({"name": "demo", "sequence": "1", "sums_digest": DIGEST, "anchored_by": "x"}).encode(),
    json.dumps({"name": "demo", "sequence": 1, "sums_digest": "../../etc", "anchored_by": "x"}).encode(),
    json.dumps({"name": "demo", "sequence": 1, "sums_digest": DIGEST, "anchored_by": "x", "new": 1}).encode(),
    json.dumps({"name": "demo", "sequence": 1, "sums_digest": DIGEST, "anchored_by": "x", "was_up": "yes"}).encode(),
]


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_or_newer_record_is_a_problem_of_the_node(node: FakeNode, data: bytes) -> None:
    node.place(TRUST_JSON, data)
    with pytest.raises(EnvironmentProblemError, match=r"trust\.json: damaged, or newer") as caught:
        read_pinned(node)
    assert caught.value.exit_code == 7
    assert "--trusted-key" in caught.value.hint


@pytest.mark.parametrize("other", [NODE_JSON, f"{TRUSTED_KEYS}/{public_key().key_id}.pub"])
def test_a_record_that_is_gone_beside_other_state_is_a_problem_of_the_node(node: FakeNode, other: str) -> None:
    node.place(other, public_key().pem)
    with pytest.raises(EnvironmentProblemError, match="missing, but vllm-airgap was installed here"):
        read_pinned(node)


def test_keys_are_read_from_their_files_and_deleting_one_revokes_it(node: FakeNode) -> None:
    path = f"{TRUSTED_KEYS}/{public_key().key_id}.pub"
    node.place(path, public_key().pem)
    node.place(f"{TRUSTED_KEYS}/notes.txt", b"not a key")
    assert pinned_keys(node) == (public_key(),)
    node.at(path).unlink()
    assert pinned_keys(node) == ()


def test_a_damaged_key_file_is_not_passed_over(node: FakeNode) -> None:
    node.place(f"{TRUSTED_KEYS}/x.pub", b"-----BEGIN")
    with pytest.raises(EnvironmentProblemError, match=r"x\.pub"):
        pinned_keys(node)


def test_anything_may_follow_nothing(made: MadeBundle) -> None:
    check_policy(None, made.index, DIGEST)


def test_the_same_bundle_may_come_again(made: MadeBundle) -> None:
    check_policy(PINNED, made.index, DIGEST)


def test_a_higher_sequence_may_follow(made: MadeBundle) -> None:
    check_policy(Pinned("demo", 1, "b" * 64, "x"), made.index, "b" * 64)


REFUSED = [
    (Pinned("demo", 2, DIGEST, "x"), "sequence 1 is older than 2", "newest bundle"),
    (Pinned("demo", 1, "b" * 64, "x"), "sequence 1 was installed before with other content", "equivocation"),
    (Pinned("other", 1, DIGEST, "x"), "this node has bundle 'other', not 'demo'", ""),
]


@pytest.mark.parametrize(("pinned", "message", "hint"), REFUSED)
def test_what_may_not_follow(made: MadeBundle, pinned: Pinned, message: str, hint: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        check_policy(pinned, made.index, DIGEST)
    assert caught.value.exit_code == 6
    assert hint in caught.value.hint
