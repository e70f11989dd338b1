"""Weights in pieces are whole: each piece is there, and holds what the list of them says."""

import json
from pathlib import Path

import pytest

from bundler.model_rules.files import Files
from bundler.model_rules.shards import missing_shards
from tests.fakes.tiny_model import weights
from tests.unit.bundler.model_rules.folder import said_by


@pytest.mark.parametrize("shard", ["model-00002-of-00002.safetensors", "../outside.safetensors", "/etc/passwd"])
def test_an_index_names_only_shards_that_are_there(tmp_path: Path, shard: str) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").touch()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": shard}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    problems = said_by(missing_shards, tmp_path)
    assert problems[0] == f"model: model.safetensors.index.json names {shard!r}, which is not in the folder"
    assert len(problems) == (1 if shard.startswith("model-") else 2)


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


def said_of(*names: str) -> list[str]:
    return [str(problem) for problem in missing_shards(dict.fromkeys(names), ())]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("model-00001-of-00005.safetensors",), "one of 5, 4 of which the folder lacks: model-00002-of-00005.safete"),
        (("m-00001-of-00003.gguf",), "one of 3, 2 of which the folder lacks: m-00002-of-00003.gguf ..."),
        (("pytorch_model-00002-of-00002.bin",), "pytorch_model-00001-of-00002.bin"),
        (("q8/m-00002-of-00002.gguf", "m-00001-of-00002.gguf"), "lacks: m-00002-of-00002.gguf"),
        (("model-00001-of-000163.safetensors",), "model-00002-of-000163.safetensors"),
        (("model-00000-of-00002.safetensors",), "model-00001-of-00002.safetensors"),
        (("model-00001-of-99999.safetensors",), "one of 99999, 99998 of which"),
    ],
)
def test_a_number_of_many_needs_the_others(names: tuple[str, ...], missing: str) -> None:
    problems = said_of(*names)
    assert len(problems) == len(names)
    assert missing in problems[0]


@pytest.mark.parametrize(
    "names",
    [
        ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ("model-00000-of-00002.safetensors", "model-00001-of-00002.safetensors"),
        ("model-00001-of-00001.safetensors",),
        ("model.safetensors", "model-of-2.safetensors", "note-00001-of-00002.txt"),
    ],
)
def test_a_set_that_is_whole_needs_no_list(names: tuple[str, ...]) -> None:
    assert said_of(*names) == []


def with_list(folder: Path, weight_map: dict[str, str]) -> None:
    for number in (1, 2):
        name = f"model-{number:05}-of-00002.safetensors"
        (folder / name).write_bytes(weights(f"layer.{number}", 8))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_tensor_that_the_list_names_must_be_in_its_shard(tmp_path: Path) -> None:
    first, second = (f"model-{number:05}-of-00002.safetensors" for number in (1, 2))
    with_list(tmp_path, {"layer.1": first, "layer.2": second})
    assert said_by(missing_shards, tmp_path) == []
    with_list(tmp_path, {"layer.1": first, "layer.2": first, "layer.3": second})
    assert said_by(missing_shards, tmp_path) == [
        f"model: model.safetensors.index.json says that 'layer.2' is in {first}, and it is not",
        f"model: model.safetensors.index.json says that 'layer.3' is in {second}, and it is not",
    ]


def test_a_shard_that_is_broken_or_not_here_yet_is_left_to_others(tmp_path: Path) -> None:
    first, second = (f"model-{number:05}-of-00002.safetensors" for number in (1, 2))
    with_list(tmp_path, {"layer.1": first, "layer.9": second})
    (tmp_path / first).write_bytes(b"version https://git-lfs")
    files: Files = {path.name: path if path.name != second else None for path in tmp_path.iterdir()}
    assert list(missing_shards(files, ())) == []
