from pathlib import Path

import pytest

from installer.errors import DamagedError, EnvironmentProblemError
from installer.staging import Staging
from installer.steps.extra_files import CheckExtraFiles
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.installing import HEAD, install, install_again
from tests.fakes.node import FakeNode
from tests.fakes.staged import spoil, stage
from tests.fakes.stepping import assert_settled

VOCABULARY = "tiktoken/o200k_base.tiktoken"


@pytest.fixture
def made(tmp_path: Path) -> MadeBundle:
    return make_bundle(tmp_path / "made", Recipe(files={VOCABULARY: b"IQ== 0", "notes.txt": b""}))


def step_of(made: MadeBundle, staging: Staging) -> CheckExtraFiles:
    return CheckExtraFiles(made.index.of_kind("file"), staging)


def test_a_bare_node_lacks_them(node: FakeNode, made: MadeBundle) -> None:
    step = step_of(made, Staging("0" * 64, "/models"))
    assert step.pending(node) == f"not as in the bundle: files/notes.txt, files/{VOCABULARY}"


def test_once_taken_in_they_are_as_they_should_be(node: FakeNode, made: MadeBundle) -> None:
    assert_settled(step_of(made, stage(node, made)), node)


def test_one_that_changed_is_removed_and_the_medium_asked_for(node: FakeNode, made: MadeBundle) -> None:
    staging = stage(node, made)
    copy = node.at(f"{staging.extra_files}/{VOCABULARY}")
    spoil(copy)
    step = step_of(made, staging)
    assert step.pending(node) == f"not as in the bundle: files/{VOCABULARY}"
    with pytest.raises(DamagedError, match=VOCABULARY) as caught:
        step.apply(node)
    assert "from the medium" in caught.value.hint
    assert not copy.exists()
    with pytest.raises(EnvironmentProblemError, match="copy is gone"):
        step.apply(node)


def test_an_install_brings_them_and_a_second_one_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.changes.forget()
    install_again(node, made, HEAD)
    assert node.changes.done == []
