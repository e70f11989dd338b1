import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from installer.errors import DamagedError, EnvironmentProblemError
from installer.index.document import CHUNK, File
from installer.receipt import RECEIPT
from installer.staging import STAGING, Staging
from installer.steps.model import PlaceModel
from installer.take_in import TakeIn, _writer, lacking, take_in
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.file_events import listening, opened_files
from tests.fakes.node import FakeNode
from tests.fakes.tree import stamped_tree, tree

MODEL_DIR = "/data/models/tiny"
WEIGHTS, SAME_WEIGHTS = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def own(tmp_path: Path) -> MadeBundle:
    """A bundle to spoil."""
    return make_bundle(tmp_path / "own", Recipe())


class StoppedError(Exception):
    """As a signal asks for it, through the progress."""


def staging_of(made: MadeBundle) -> Staging:
    return Staging(made.sums_digest, MODEL_DIR)


@contextmanager
def intake(made: MadeBundle, runtime_copy: Path | None = None) -> Iterator[TakeIn]:
    with made.opened() as bundle:
        yield TakeIn(bundle, bundle.index.for_role("head"), staging_of(made), runtime_copy)


def wanted(node: FakeNode, made: MadeBundle) -> list[str]:
    with intake(made) as plan:
        return [file.path for file in lacking(node, plan)]


def take(node: FakeNode, made: MadeBundle, runtime_copy: Path | None = None) -> int:
    """Take in what the node lacks; how many bytes that were."""
    copied: list[int] = []
    with intake(made, runtime_copy) as plan:
        take_in(node, plan, lacking(node, plan), copied.append)
    return sum(copied)


def take_until(node: FakeNode, made: MadeBundle, most: int) -> None:
    """Stop after ``most`` bytes."""
    copied: list[int] = []

    def advance(count: int) -> None:
        copied.append(count)
        if sum(copied) > most:
            raise StoppedError

    with intake(made) as plan, pytest.raises(StoppedError):
        take_in(node, plan, lacking(node, plan), advance)


def copy_of(node: FakeNode, made: MadeBundle, file: File) -> Path:
    return node.at(staging_of(made).place_of(file))


def step_of(made: MadeBundle) -> PlaceModel:
    return PlaceModel("tiny", made.index.of_kind("model"), staging_of(made))


def bring_model(node: FakeNode, made: MadeBundle) -> Path:
    """As a person copies it, before any install."""
    return Path(shutil.copytree(made.folder / "model/tiny", node.at(MODEL_DIR)))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def files_of(*folders: Path) -> list[str]:
    return sorted(str(path) for folder in folders for path in folder.rglob("*") if path.is_file())


def test_every_file_of_the_role_is_copied_with_its_bytes(node: FakeNode, made: MadeBundle) -> None:
    assert take(node, made) == sum(file.size for file in made.index.files)
    for file in made.index.files:
        assert copy_of(node, made, file).read_bytes() == (made.folder / file.path).read_bytes()
    assert wanted(node, made) == []


def test_files_of_another_role_stay_on_the_medium(node: FakeNode, made: MadeBundle) -> None:
    index = replace(made.index, files=tuple(replace(file, roles=("worker",)) for file in made.index.files))
    assert index.for_role("head") == ()
    with intake(made) as plan:
        none = replace(plan, files=index.for_role("head"))
        take_in(node, none, lacking(node, none), lambda _: None)
    assert not node.at("/data").exists()


def test_the_signed_lists_are_kept_beside_the_copies(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    kept = node.at(staging_of(made).folder)
    for name in ("SHA256SUMS", "bundle.json"):
        assert (kept / name).read_bytes() == (made.folder / name).read_bytes()
    assert files_of(kept / "signatures") == [str(kept / path.relative_to(made.folder)) for path in signatures(made)]


def signatures(made: MadeBundle) -> list[Path]:
    return sorted((made.folder / "signatures").iterdir())


def test_copies_are_for_root_only(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    assert node.at(STAGING).stat().st_mode & 0o777 == 0o700


def test_the_model_waits_beside_its_place(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    assert [path.name for path in node.at("/data/models").iterdir()] == ["tiny.partial"]


def test_the_launchers_copy_of_the_runtime_is_used_instead_of_the_medium(
    node: FakeNode, own: MadeBundle, tmp_path: Path
) -> None:
    good = (own.folder / "runtime.tar.gz").read_bytes()
    (tmp_path / "copy").write_bytes(good)
    flip(own.folder / "runtime.tar.gz", 0)
    take(node, own, tmp_path / "copy")
    assert copy_of(node, own, own.index.only("runtime")).read_bytes() == good


def test_a_second_take_in_reads_and_writes_nothing(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    before = stamped_tree(node.at("/data")), stamped_tree(node.at(STAGING))
    assert take(node, made) == 0
    assert (stamped_tree(node.at("/data")), stamped_tree(node.at(STAGING))) == before


# --- damage on the medium


def test_a_flipped_byte_in_any_file_is_found_and_nothing_stays(root: Path, own: MadeBundle) -> None:
    spoilt = [file for file in own.index.files if file.size]
    assert len(spoilt) > 12
    for number, file in enumerate(spoilt):
        node = FakeNode(root / str(number))
        flip(own.folder / file.path, file.size // 2)
        with pytest.raises(DamagedError) as caught:
            take(node, own)
        flip(own.folder / file.path, file.size // 2)
        assert f"{file.path}: content differs in chunk 0 (bytes 0 to {file.size - 1})" in str(caught.value)
        assert files_of(node.at("/data"), node.at(STAGING)) == []
        assert not node.at(f"{MODEL_DIR}.partial").exists()


def test_a_file_of_several_chunks_is_copied_whole_or_its_damage_named(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "big", Recipe(model={"big.safetensors": bytes(CHUNK) + b"tail?"}))
    overwrite(made.folder / "model/tiny/big.safetensors", CHUNK + 4, b"!")
    with pytest.raises(DamagedError, match=rf"in chunk 1 \(bytes {CHUNK} to {CHUNK + 4}\)"):
        take(node, made)
    assert files_of(node.at("/data"), node.at(STAGING)) == []
    overwrite(made.folder / "model/tiny/big.safetensors", CHUNK + 4, b"?")
    take(node, made)
    copy = node.at(f"{MODEL_DIR}.partial/big.safetensors")
    assert copy.stat().st_size == CHUNK + 5
    with copy.open("rb") as file:
        file.seek(CHUNK - 1)
        assert file.read() == b"\0tail?"


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_file_that_shrinks_while_the_install_runs_is_damage(node: FakeNode, own: MadeBundle) -> None:
    weights = f"model/tiny/{WEIGHTS}"
    with intake(own) as plan:
        os.truncate(own.folder / weights, 10)
        with pytest.raises(DamagedError, match=f"{weights}: expected 700 bytes, found 10"):
            take_in(node, plan, lacking(node, plan), lambda _: None)
    assert files_of(node.at("/data"), node.at(STAGING)) == []


def test_a_file_that_vanishes_while_the_install_runs_is_damage(node: FakeNode, own: MadeBundle) -> None:
    with intake(own) as plan:
        (own.folder / "model/tiny/empty.txt").unlink()
        with pytest.raises(DamagedError, match=r"model/tiny/empty\.txt: No such file"):
            take_in(node, plan, lacking(node, plan), lambda _: None)
    assert files_of(node.at("/data"), node.at(STAGING)) == []


def test_damage_removes_only_what_this_run_copied(node: FakeNode, own: MadeBundle) -> None:
    take(node, own)
    driver = own.index.only("driver")
    copy_of(node, own, driver).unlink()
    before = stamped_tree(node.at("/data")), stamped_tree(node.at(STAGING))
    flip(own.folder / driver.path, 0)
    with pytest.raises(DamagedError):
        take(node, own)
    assert (stamped_tree(node.at("/data")), stamped_tree(node.at(STAGING))) == before


def test_a_medium_that_cannot_be_opened_costs_no_copy(node: FakeNode, own: MadeBundle) -> None:
    """A stick that was pulled out: what was copied is good, and the next run goes on from there."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[0] == "tokenizer.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with listening(refuse), pytest.raises(EnvironmentProblemError, match=r"tokenizer\.json: cannot be opened"):
        take(node, own)
    assert any(not path.endswith(",incoming") for path in files_of(node.at("/data"), node.at(STAGING)))
    assert take(node, own) < sum(file.size for file in own.index.files)


# --- interrupted runs


def test_an_interrupted_copy_is_no_file_and_the_next_run_goes_on(node: FakeNode, made: MadeBundle) -> None:
    take_until(node, made, 1500)
    before = {path: path.stat().st_ino for path in node.root.rglob("*") if path.is_file()}
    assert [path for path in before if path.name.endswith(",incoming")]
    complete = {path: inode for path, inode in before.items() if not path.name.endswith(",incoming")}
    take(node, made)
    assert [path for path in node.root.rglob("*") if path.name.endswith(",incoming")] == []
    assert {path: path.stat().st_ino for path in complete} == complete
    for file in made.index.files:
        assert copy_of(node, made, file).read_bytes() == (made.folder / file.path).read_bytes()


def test_what_an_older_bundles_run_left_half_copied_does_not_become_part_of_the_model(
    node: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    older = make_bundle(tmp_path / "older", Recipe(model={"old.safetensors": b"o" * 5000}))
    take_until(node, older, 4000)
    take(node, made)
    assert not [path for path in node.at("/data").rglob("*") if path.name.endswith(",incoming")]


def test_a_model_that_was_taken_in_is_not_opened_by_the_next_run(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    with opened_files() as opened:
        take(node, made)
    assert opened
    assert [path for path in opened if path.startswith(str(node.at("/data")))] == []


# --- models that are there already


def test_a_model_with_a_receipt_is_not_opened(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    step_of(made).apply(node)
    with opened_files() as opened:
        assert [path for path in wanted(node, made) if path.startswith("model/")] == []
        take(node, made)
    assert opened
    assert [path for path in opened if path.startswith(str(node.at("/data")))] == []


def test_a_model_that_a_person_brought_is_hashed_and_not_copied(node: FakeNode, made: MadeBundle) -> None:
    brought = bring_model(node, made)
    inodes = inodes_of(brought)
    assert [path for path in wanted(node, made) if path.startswith("model/")] == []
    with opened_files() as opened:
        take(node, made)
        step_of(made).apply(node)
    assert len([path for path in opened if path.endswith(SAME_WEIGHTS)]) == 1
    assert inodes_of(brought) == inodes
    assert step_of(made).pending(node) is None


def inodes_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


def test_a_model_is_copied_where_no_second_name_can_be_given(node: FakeNode, made: MadeBundle) -> None:
    def refuse(event: str, _arguments: tuple[Any, ...]) -> None:
        if event == "os.link":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    brought = bring_model(node, made)
    before = inodes_of(brought)
    with listening(refuse), opened_files() as opened:
        take(node, made)
    assert [path for path in opened if path.startswith(str(made.folder / "model"))] == []
    assert inodes_of(brought) == before
    assert not set(inodes_of(node.at(f"{MODEL_DIR}.partial")).values()) & set(before.values())
    step_of(made).apply(node)
    assert tree(brought) == tree(made.folder / "model/tiny")


def test_the_folder_in_use_stays_in_its_place_while_a_newer_model_is_taken_in(
    node: FakeNode, made: MadeBundle, upgrade: MadeBundle
) -> None:
    used = installed_model(node, made)
    before, folder = stamped_tree(used), used.stat().st_ino
    assert take(node, upgrade) < sum(file.size for file in upgrade.index.files)
    assert (stamped_tree(used), used.stat().st_ino) == (before, folder)
    step_of(upgrade).apply(node)
    assert step_of(upgrade).pending(node) is None
    assert tree(used) == tree(upgrade.folder / "model/tiny")


def test_an_upgrade_opens_no_model_file_that_the_receipt_proves(
    node: FakeNode, made: MadeBundle, upgrade: MadeBundle
) -> None:
    """Neither on the medium nor on the node: weights that stay the same are neither read nor hashed again."""
    installed_model(node, made)
    changed = sum(file.size for file in upgrade.index.files if file.path.endswith(("config.json", WEIGHTS)))
    other_kinds = sum(file.size for file in upgrade.index.files if file.kind != "model")
    with opened_files() as opened:
        assert take(node, upgrade) == changed + other_kinds
        step_of(upgrade).apply(node)
        assert step_of(upgrade).pending(node) is None
    assert [path for path in opened if path.endswith((SAME_WEIGHTS, "tokenizer.json"))] == []
    assert tree(node.at(MODEL_DIR)) == tree(upgrade.folder / "model/tiny")


def test_a_file_that_changed_after_its_receipt_is_no_part_of_an_upgrade(
    node: FakeNode, made: MadeBundle, upgrade: MadeBundle
) -> None:
    flip(installed_model(node, made) / SAME_WEIGHTS, 3)
    take(node, upgrade)
    step_of(upgrade).apply(node)
    assert tree(node.at(MODEL_DIR)) == tree(upgrade.folder / "model/tiny")


@pytest.mark.parametrize(
    "receipt", [b"", b"{", b"[]", b'{"model/tiny/config.json": 1}', b'{"model/tiny/config.json": []}']
)
def test_a_damaged_receipt_proves_nothing(
    node: FakeNode, made: MadeBundle, upgrade: MadeBundle, receipt: bytes
) -> None:
    installed_model(node, made)
    node.place(RECEIPT, receipt)
    with opened_files() as opened:
        take(node, upgrade)
    assert [path for path in opened if path.endswith(SAME_WEIGHTS)]
    assert wanted(node, upgrade) == []


def test_a_damaged_medium_leaves_the_model_of_an_older_bundle_whole(
    node: FakeNode, made: MadeBundle, upgrade: MadeBundle
) -> None:
    """Of the same size or not: the server reads the older one."""
    used = installed_model(node, made)
    before = stamped_tree(node.at("/data"))
    for name in ("config.json", WEIGHTS):
        flip(upgrade.folder / "model/tiny" / name, 1)
        with pytest.raises(DamagedError, match=f"{name}: content differs"):
            take(node, upgrade)
        flip(upgrade.folder / "model/tiny" / name, 1)
        assert stamped_tree(node.at("/data")) == before
    assert tree(used) == tree(made.folder / "model/tiny")


def test_damage_leaves_what_an_earlier_run_had_copied(node: FakeNode, own: MadeBundle) -> None:
    take_until(node, own, 2400)
    complete = {path for path in files_of(node.at("/data"), node.at(STAGING)) if not path.endswith(",incoming")}
    assert complete
    left = next(file for file in own.index.files if file.size and str(copy_of(node, own, file)) not in complete)
    flip(own.folder / left.path, 0)
    with pytest.raises(DamagedError):
        take(node, own)
    assert set(files_of(node.at("/data"), node.at(STAGING))) == complete


@pytest.fixture
def upgrade(tmp_path: Path) -> MadeBundle:
    """One model file of the same size and one of another size differ from the older bundle's."""
    changed = {"config.json": b'{"model_type": "qwen3"}', WEIGHTS: b"other weights" * 99}
    return make_bundle(tmp_path / "upgrade", Recipe(sequence=2, model={**Recipe().model, **changed}))


def installed_model(node: FakeNode, made: MadeBundle) -> Path:
    take(node, made)
    step_of(made).apply(node)
    return node.at(MODEL_DIR)


# --- a closed world


def test_what_is_not_the_bundles_is_not_in_the_model_afterwards(node: FakeNode, made: MadeBundle) -> None:
    brought = bring_model(node, made)
    for folder in (MODEL_DIR, f"{MODEL_DIR}.partial"):
        node.place(f"{folder}/chat_template.jinja", b"{{ lies }}")
        node.place(f"{folder}/old/model-00003-of-00003.safetensors", b"old")
    take(node, made)
    assert tree(node.at(f"{MODEL_DIR}.partial")) == tree(made.folder / "model/tiny")
    assert (brought / "chat_template.jinja").exists()
    step_of(made).apply(node)
    assert tree(brought) == tree(made.folder / "model/tiny")


def test_the_receipt_is_made_after_labels_were_set(node: FakeNode, made: MadeBundle) -> None:
    """A label is a change that the receipt would notice."""
    node.at("/sys/fs/selinux").mkdir(parents=True)
    node.at("/sys/fs/selinux/enforce").touch()
    take(node, made)
    labelled = f"restorecon {MODEL_DIR.lstrip('/')}.partial"
    assert node.changes.done.index(labelled) < node.changes.done.index(f"place {RECEIPT}")
    node.changes.forget()
    step_of(made).apply(node)
    assert node.changes.done == []


# --- links that somebody else put in the data directory


def test_a_link_where_a_copy_begins_is_not_followed(node: FakeNode, made: MadeBundle) -> None:
    node.place("/etc/shadow", b"root:*:")
    planted = node.at(f"{MODEL_DIR}.partial/{WEIGHTS},incoming")
    planted.parent.mkdir(parents=True)
    planted.symlink_to(node.at("/etc/shadow"))
    take(node, made)
    assert node.read("/etc/shadow") == b"root:*:"
    assert wanted(node, made) == []


@pytest.mark.parametrize("linked", [f"{MODEL_DIR}.partial", f"{MODEL_DIR}.partial/tokens"])
def test_a_linked_folder_beside_the_model_is_refused(node: FakeNode, made: MadeBundle, linked: str) -> None:
    node.place("/etc/tokens/tokenizer.json", b"{}")
    node.at(linked).parent.mkdir(parents=True)
    node.at(linked).symlink_to(node.at("/etc/tokens"))
    before = stamped_tree(node.at("/etc"))
    with pytest.raises(EnvironmentProblemError, match=f"{linked}: a link") as caught:
        take(node, made)
    assert "remove it" in caught.value.hint
    assert stamped_tree(node.at("/etc")) == before


def test_a_data_directory_may_be_a_link_of_the_sites_own(node: FakeNode, made: MadeBundle) -> None:
    node.at("/disk").mkdir()
    node.at("/data").symlink_to(node.at("/disk"))
    take(node, made)
    assert wanted(node, made) == []


def test_a_bad_file_of_a_model_that_a_person_brought_is_taken_from_the_medium(node: FakeNode, made: MadeBundle) -> None:
    flip(bring_model(node, made) / WEIGHTS, 3)
    take(node, made)
    step_of(made).apply(node)
    assert node.at(f"{MODEL_DIR}/{WEIGHTS}").read_bytes() == (made.folder / "model/tiny" / WEIGHTS).read_bytes()


def test_a_link_in_a_model_that_a_person_brought_becomes_a_file(node: FakeNode, made: MadeBundle) -> None:
    """The container sees the model's folder and nothing that a link in it leads to."""
    weights = bring_model(node, made) / WEIGHTS
    weights.rename(node.at("/data/elsewhere"))
    weights.symlink_to(node.at("/data/elsewhere"))
    take(node, made)
    step_of(made).apply(node)
    assert not weights.is_symlink()
    assert weights.read_bytes() == (made.folder / "model/tiny" / WEIGHTS).read_bytes()
    assert node.at("/data/elsewhere").exists()


def test_a_file_that_changed_after_its_receipt_is_hashed_again(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    step_of(made).apply(node)
    flip(node.at(f"{MODEL_DIR}/{WEIGHTS}"), 3)
    assert step_of(made).pending(node) == "files changed since they were checked"
    take(node, made)
    step_of(made).apply(node)
    assert node.at(f"{MODEL_DIR}/{WEIGHTS}").read_bytes() == (made.folder / "model/tiny" / WEIGHTS).read_bytes()


def test_damage_gives_back_a_model_that_a_person_brought(node: FakeNode, own: MadeBundle) -> None:
    bring_model(node, own)
    before = stamped_tree(node.at("/data"))
    flip(own.folder / own.index.only("driver").path, 0)
    with pytest.raises(DamagedError):
        take(node, own)
    assert stamped_tree(node.at("/data")) == before


def test_half_a_model_in_its_place_and_half_beside_it_become_one(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    bring_model(node, made)
    node.at(f"{MODEL_DIR}.partial/config.json").unlink()
    take(node, made)
    step_of(made).apply(node)
    assert tree(node.at(MODEL_DIR)).keys() == tree(made.folder / "model/tiny").keys()
    assert step_of(made).pending(node) is None


def test_something_beside_a_proven_model_does_no_harm_and_goes(node: FakeNode, made: MadeBundle) -> None:
    take(node, made)
    step_of(made).apply(node)
    node.place(f"{MODEL_DIR}.partial/{WEIGHTS}", b"half")
    receipt = node.read(RECEIPT)
    take(node, made)
    assert node.read(RECEIPT) == receipt
    assert step_of(made).pending(node) == "its copy is left beside it"
    step_of(made).apply(node)
    assert step_of(made).pending(node) is None
    assert not node.at(f"{MODEL_DIR}.partial").exists()


# --- a full disk


def test_a_full_disk_is_a_problem_of_the_environment(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(EnvironmentProblemError) as caught:
        _writer(full.fileno(), tmp_path / "weights")(memoryview(b"data"), 0)
    assert str(caught.value) == f"{tmp_path}/weights: cannot be written: No space left on device"
    assert "run the same command again" in caught.value.hint


@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_no_room_anywhere_names_the_file_and_leaves_nothing_under_a_final_name(
    node: FakeNode, made: MadeBundle, event: str
) -> None:
    weights = str(node.at(f"{MODEL_DIR}.partial/{WEIGHTS},incoming"))

    def refuse(found: str, arguments: tuple[Any, ...]) -> None:
        if found == event and str(arguments[0]) == weights:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with listening(refuse), pytest.raises(EnvironmentProblemError, match="No space left on device") as caught:
        take(node, made)
    assert ": cannot be written: " in str(caught.value)
    assert not node.at(f"{MODEL_DIR}.partial/{WEIGHTS}").exists()
    take(node, made)
    assert wanted(node, made) == []


def test_a_folder_where_a_file_goes_is_a_problem_of_the_environment(node: FakeNode, made: MadeBundle) -> None:
    node.at(f"{MODEL_DIR}.partial/{WEIGHTS}").mkdir(parents=True)
    with pytest.raises(EnvironmentProblemError, match=f"{WEIGHTS}: cannot be written: Is a directory"):
        take(node, made)
