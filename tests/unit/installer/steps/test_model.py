from collections.abc import Callable
from pathlib import Path

import pytest

from installer.errors import DamagedError
from installer.receipt import RECEIPT
from installer.staging import Staging
from installer.steps.model import PlaceModel
from tests.fakes.bundle import MadeBundle
from tests.fakes.file_events import opened_files
from tests.fakes.node import FakeNode
from tests.fakes.staged import MODEL_DIR, spoil, stage
from tests.fakes.stepping import assert_converges, assert_settled, make_true


def step_of(made: MadeBundle, staging: Staging) -> PlaceModel:
    return PlaceModel("tiny", made.index.of_kind("model"), staging)


def truncate(path: Path) -> None:
    path.write_bytes(b"")


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> PlaceModel:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_the_model(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, MODEL_DIR)).pending(node) == "not in the data directory"


def test_the_folder_moves_to_its_place_without_being_read(node: FakeNode, step: PlaceModel) -> None:
    with opened_files() as opened:
        make_true(step, node)
    assert [path for path in opened if MODEL_DIR in path and not path.endswith("models")] == []
    assert sorted(path.name for path in node.at(MODEL_DIR).parent.iterdir()) == ["tiny"]


def test_a_second_run_changes_nothing(node: FakeNode, step: PlaceModel) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, PlaceModel]:
        node = FakeNode(folder)
        node.at("/sys/fs/selinux").mkdir(parents=True)
        node.at("/sys/fs/selinux/enforce").touch()
        return node, step_of(made, stage(node, made))

    assert assert_converges(start, root) == 1


@pytest.mark.parametrize("change", [spoil, Path.touch, Path.unlink, truncate])
def test_a_changed_file_is_noticed_without_opening_it(
    node: FakeNode, step: PlaceModel, change: Callable[[Path], None]
) -> None:
    make_true(step, node)
    change(node.at(f"{MODEL_DIR}/config.json"))
    with opened_files() as opened:
        assert step.pending(node) is not None
    assert [path for path in opened if MODEL_DIR in path] == []


def test_a_lost_receipt_is_written_again_after_reading_everything(node: FakeNode, step: PlaceModel) -> None:
    make_true(step, node)
    node.at(RECEIPT).unlink()
    assert step.pending(node) == "its contents were not checked yet"
    make_true(step, node)


def test_without_a_receipt_a_bad_file_is_named(node: FakeNode, step: PlaceModel) -> None:
    make_true(step, node)
    node.at(RECEIPT).unlink()
    spoil(node.at(f"{MODEL_DIR}/tokens/tokenizer.json"))
    with pytest.raises(DamagedError, match=r"tokens/tokenizer\.json: content differs") as caught:
        step.apply(node)
    assert "install BUNDLE" in caught.value.hint


def test_a_file_where_a_folder_goes_is_a_reason_and_no_crash(node: FakeNode, step: PlaceModel) -> None:
    make_true(step, node)
    tokens = node.at(f"{MODEL_DIR}/tokens")
    (tokens / "tokenizer.json").unlink()
    tokens.rmdir()
    tokens.touch()
    assert str(step.pending(node)).endswith("tokens/tokenizer.json: missing")


def test_an_older_model_of_the_same_name_makes_room(node: FakeNode, step: PlaceModel) -> None:
    node.place(f"{MODEL_DIR}/config.json", b"old")
    make_true(step, node)
    assert node.read(f"{MODEL_DIR}/config.json") == b'{"model_type": "qwen2"}'
