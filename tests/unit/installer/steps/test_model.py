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
        step = step_of(made, stage(node, made))
        node.at(RECEIPT).unlink()
        return node, step

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


@pytest.mark.parametrize("linked", ["config.json", "tokens"])
def test_a_link_proves_nothing_even_to_the_same_content(node: FakeNode, step: PlaceModel, linked: str) -> None:
    make_true(step, node)
    place = node.at(f"{MODEL_DIR}/{linked}")
    place.rename(node.at("/tmp/elsewhere"))  # noqa: S108  # below the node's root
    place.symlink_to(node.at("/tmp/elsewhere"))  # noqa: S108
    assert str(step.pending(node)).endswith(": missing")


def test_what_is_not_the_bundles_is_named_and_goes(node: FakeNode, step: PlaceModel) -> None:
    """A chat template of another model would change every answer."""
    make_true(step, node)
    node.place(f"{MODEL_DIR}/chat_template.jinja", b"{{ lies }}")
    node.place(f"{MODEL_DIR}/old/model.safetensors", b"old")
    node.at(f"{MODEL_DIR}/tokens/link").symlink_to("/etc")
    assert step.pending(node) == "files that are not the bundle's: chat_template.jinja, old, tokens/link"
    with opened_files() as opened:
        make_true(step, node)
    assert [path for path in opened if path.endswith(".safetensors")] == []
    assert sorted(path.name for path in node.at(MODEL_DIR).iterdir() if path.name in {"old", "tokens"}) == ["tokens"]


def test_a_link_in_the_models_place_makes_room_and_what_it_leads_to_stays(node: FakeNode, step: PlaceModel) -> None:
    node.place("/srv/tiny/config.json", b"old")
    node.at(MODEL_DIR).symlink_to(node.at("/srv/tiny"))
    make_true(step, node)
    assert not node.at(MODEL_DIR).is_symlink()
    assert node.read("/srv/tiny/config.json") == b"old"


def test_an_older_model_of_the_same_name_makes_room(node: FakeNode, step: PlaceModel) -> None:
    node.place(f"{MODEL_DIR}/config.json", b"old")
    make_true(step, node)
    assert node.read(f"{MODEL_DIR}/config.json") == b'{"model_type": "qwen2"}'


def test_a_stray_beside_a_proven_model_does_not_let_a_half_copy_take_its_place(
    node: FakeNode, step: PlaceModel
) -> None:
    make_true(step, node)
    model, half = node.at(step.staging.model_dir), node.at(step.staging.partial_model)
    inode = model.stat().st_ino
    (model / "stray.txt").touch()
    half.mkdir()
    (half / "config.json").touch()
    make_true(step, node)
    assert model.stat().st_ino == inode
    assert not half.exists()
    assert not (model / "stray.txt").exists()
