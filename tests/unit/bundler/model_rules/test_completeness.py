"""A model that lacks what a server needs is refused here, not on site."""

import json
from pathlib import Path

import pytest

from bundler.model_rules import model_problems
from bundler.model_rules.completeness import (
    broken_json,
    missing_config,
    missing_shards,
    missing_tokenizer,
    missing_weights,
)
from bundler.model_rules.files import Files
from tests.unit.bundler.model_rules.folder import said_by


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"weight_map": "\xff'])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_what_is_no_json_is_refused_once(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    (problem,) = said_by(broken_json, tmp_path) + said_by(missing_shards, tmp_path)
    assert "not JSON" in problem


def test_a_list_of_shards_has_a_limit(tmp_path: Path) -> None:
    with (tmp_path / "model.safetensors.index.json").open("wb") as file:
        file.truncate((32 << 20) + 1)
    assert said_by(missing_shards, tmp_path) == []
    assert said_by(broken_json, tmp_path) == ["model: model.safetensors.index.json: longer than any list of shards"]


@pytest.mark.parametrize("shard", ["model-00002-of-00002.safetensors", "../outside.safetensors", "/etc/passwd"])
def test_an_index_names_only_shards_that_are_there(tmp_path: Path, shard: str) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").touch()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": shard}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert said_by(missing_shards, tmp_path) == [
        f"model: model.safetensors.index.json names {shard!r}, which is not in the folder"
    ]


def test_shards_that_are_still_to_be_fetched_count_as_there(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"x": "a.safetensors"}}')
    files: Files = {index.name: index, "a.safetensors": None}
    assert list(missing_shards(files, ())) == []


def test_an_index_names_shards_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.safetensors").touch()
    (tmp_path / "sub/model.safetensors.index.json").write_text('{"weight_map": {"x": "a.safetensors"}}')
    assert said_by(missing_shards, tmp_path) == []


@pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": []}'])
def test_an_index_without_a_weight_map_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert said_by(missing_shards, tmp_path) == ["model: model.safetensors.index.json: no weight_map in it"]


@pytest.mark.parametrize("name", ["model.safetensors", "sub/x.safetensors", "pytorch_model.bin", "q4.gguf"])
def test_a_model_has_weights(name: str) -> None:
    assert len(list(missing_weights({"config.json": None, "model.safetensors.index.json": None}, ()))) == 1
    assert list(missing_weights({name: None}, ())) == []


@pytest.mark.parametrize("name", ["config.json", "params.json", "q4.gguf"])
def test_a_model_has_a_config(name: str) -> None:
    assert len(list(missing_config({"model.safetensors": None, f"sub/{name}": None}, ()))) == 1
    assert list(missing_config({name: None}, ())) == []


@pytest.mark.parametrize(
    "name",
    ["tokenizer.json", "tokenizer.model", "tokenizer.model.v3", "tekken.json", "vocab.json", "qwen.tiktoken", "x.gguf"],
)
def test_a_model_has_a_tokenizer(name: str) -> None:
    assert len(list(missing_tokenizer({"tokenizer_config.json": None}, ()))) == 1
    assert list(missing_tokenizer({name: None}, ())) == []


def test_a_whole_model_has_no_problem_before_a_byte_of_it_is_here() -> None:
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "vocab.txt")
    assert list(model_problems(dict.fromkeys(names), ())) == []
