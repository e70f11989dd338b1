"""Nothing in a model runs code unless the manifest says so."""

import json
from pathlib import Path

import pytest

from bundler.model_rules import model_problems


def problems(folder: Path, *allow: str) -> list[str]:
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return [str(problem) for problem in model_problems(files, allow)]


@pytest.mark.parametrize("ending", ["bin", "pt", "pth", "ckpt", "pkl", "pickle", "joblib", "h5", "keras", "BIN", "Pkl"])
def test_pickles_need_to_be_allowed(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"weights.{ending}").touch()
    assert len(problems(tmp_path)) == 1
    assert len(problems(tmp_path, "code")) == 1
    assert problems(tmp_path, "pickle") == []


def test_programs_need_to_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "custom_generate").mkdir()
    (tmp_path / "custom_generate/generate.py").touch()
    assert problems(tmp_path) == ["model: custom_generate/generate.py: a program"]
    assert problems(tmp_path, "code") == []


@pytest.mark.parametrize("text", ['{"auto_map": {}}', '{"a": [{"auto_map": 1}]}', '{"auto\\u005fmap": {}}'])
@pytest.mark.parametrize("name", ["config.json", "processor_config.json"])
def test_auto_map_needs_to_be_allowed(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)
    assert problems(tmp_path) == [f"model: {name}: auto_map names code of the model to run"]
    assert problems(tmp_path, "code") == []


def test_auto_map_is_found_in_a_long_file(tmp_path: Path) -> None:
    for filling in (0, (5 << 20) - 3):
        (tmp_path / "tokenizer.json").write_text(
            '{"x": "' + "y" * filling + '", "auto_map": {}, "z": "' + "y" * (6 << 20) + '"}'
        )
        assert len(problems(tmp_path)) == 1


def test_a_plain_model_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2", "rope": 1e6, "text": "auto_map"}')
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "vocab.txt").touch()
    assert problems(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"weight_map": "\xff'])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert len(problems(tmp_path)) == 1
    assert "not JSON" in problems(tmp_path)[0]


@pytest.mark.parametrize("shard", ["model-00002-of-00002.safetensors", "../outside.safetensors", "/etc/passwd"])
def test_an_index_names_only_shards_that_are_there(tmp_path: Path, shard: str) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").touch()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": shard}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert problems(tmp_path) == [f"model: model.safetensors.index.json names {shard!r}, which is not in the folder"]


def test_an_index_whose_shards_are_all_there_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.safetensors").touch()
    (tmp_path / "sub/model.safetensors.index.json").write_text('{"weight_map": {"x": "a.safetensors"}}')
    assert problems(tmp_path) == []


@pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": []}'])
def test_an_index_without_a_weight_map_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert problems(tmp_path) == ["model: model.safetensors.index.json: no weight_map in it"]
