"""A model folder is taken as it lies, less what must not travel."""

import hashlib
import os
from pathlib import Path

import pytest

from bundler.manifest import ModelSpec
from bundler.progress import unwatched
from bundler.sources.model.directory import list_files, take_files
from installer.errors import AirgapError, DamagedError, RefusedError, UsageError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub/x.safetensors").write_bytes(b"x")
    return folder


def spec(**sha256: str) -> ModelSpec:
    return ModelSpec(
        "directory", "model", "tiny", {name.replace("_", "."): value for name, value in sha256.items()}, ()
    )


def test_dot_files_stay_behind(model: Path) -> None:
    (model / ".git").mkdir()
    (model / ".git/config").touch()
    (model / ".gitattributes").touch()
    assert sorted(list_files(model)) == ["config.json", "sub/x.safetensors"]


def test_files_are_hashed_where_they_lie(model: Path) -> None:
    files = take_files(spec(), model, unwatched)
    assert [file.path for file in files] == ["model/tiny/config.json", "model/tiny/sub/x.safetensors"]
    assert files[1].sha256 == hashlib.sha256(b"x").hexdigest()
    assert {file.known_by for file in files} == {"first use"}


def test_a_digest_of_the_manifest_is_compared(model: Path) -> None:
    known = take_files(spec(config_json=hashlib.sha256(b"{}").hexdigest()), model, unwatched)
    assert [file.known_by for file in known] == ["manifest", "first use"]
    with pytest.raises(DamagedError, match=r"config\.json has sha256"):
        take_files(spec(config_json="0" * 64), model, unwatched)
    with pytest.raises(UsageError, match=r"no file gone\.json in the model"):
        take_files(spec(gone_json="0" * 64), model, unwatched)


def test_links_to_files_count_as_files_as_in_the_cache_of_a_hub(model: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"weights")
    (model / "linked.safetensors").symlink_to("../blob")
    assert list_files(model)["linked.safetensors"] == (tmp_path / "blob").resolve()


@pytest.mark.parametrize("name", ["a b", "con.txt", "x.", "-rf", "$(id)", "naïve", "new\nline"])
def test_a_name_that_no_bundle_may_hold_is_said(model: Path, name: str) -> None:
    (model / name).touch()
    with pytest.raises(RefusedError) as caught:
        list_files(model)
    assert str(caught.value).isprintable()


def test_what_is_no_file_is_refused(model: Path) -> None:
    os.mkfifo(model / "fifo")
    with pytest.raises(RefusedError, match="fifo: neither a regular file"):
        list_files(model)
    (model / "fifo").unlink()
    for target in ("/nowhere", "sub"):
        (model / "link").symlink_to(target)
        with pytest.raises(RefusedError, match="link: "):
            list_files(model)
        (model / "link").unlink()


@pytest.mark.parametrize("name", ["none", "model/config.json", "empty"])
def test_a_folder_that_holds_no_model_is_said(model: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AirgapError, match=r"^model\.path: ") as caught:
        list_files(tmp_path / name)
    assert caught.value.exit_code == 2


def test_names_equal_in_lower_case_are_refused(model: Path) -> None:
    (model / "CONFIG.json").touch()
    with pytest.raises(RefusedError, match="equal in lower case") as caught:
        list_files(model)
    assert "rename" in caught.value.hint


def test_links_in_a_loop_are_refused(model: Path) -> None:
    (model / "loop.json").symlink_to("loop.json")
    with pytest.raises(RefusedError, match=r"loop\.json: a link that leads back to itself"):
        list_files(model)
