"""A model that lacks what a server needs is refused here, not on site."""

from pathlib import Path

import pytest

from bundler.model_rules import RULES, model_problems
from bundler.model_rules.completeness import broken_json, missing_config, missing_tokenizer, missing_weights
from bundler.model_rules.shards import missing_shards
from tests.unit.bundler.model_rules.folder import said_by

MISSING = (missing_config, missing_tokenizer, missing_weights)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"weight_map": "\xff'])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_what_is_no_json_is_refused_once(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    (problem,) = said_by(broken_json, tmp_path) + said_by(missing_shards, tmp_path)
    assert "not JSON" in problem


@pytest.mark.parametrize("text", ["", "{", '{"a": "'])
def test_a_long_file_must_be_json_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text('{"pad": "' + "x" * (5 << 20) + '"' + text)
    (problem,) = said_by(broken_json, tmp_path)
    assert "tokenizer.json: not JSON" in problem


@pytest.mark.parametrize(
    ("name", "length", "why"),
    [
        ("model.safetensors.index.json", 32 << 20, "any list of shards"),
        ("config.json", 4 << 20, "any configuration"),
        ("vision/config.json", 4 << 20, "any configuration"),
        ("tokenizer.json", 64 << 20, "any vocabulary"),
    ],
)
def test_what_is_too_long_to_be_looked_at_is_refused(tmp_path: Path, name: str, length: int, why: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"{}")
    with path.open("r+b") as file:
        file.truncate(length + 1)
    (problem,) = broken_json({name: path}, ())
    assert str(problem) == f"model: {name}: {length + 1} bytes, longer than {why}"
    assert "model.exclude" in problem.hint
    for rule in RULES.values():
        assert list(rule({name: path}, ("code",))) == [] or rule in {broken_json, *MISSING}


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
    ["tokenizer.json", "tokenizer.model", "tokenizer.model.v3", "tekken.json", "vocab.txt", "qwen.tiktoken", "x.gguf"],
)
def test_a_model_has_a_tokenizer(name: str) -> None:
    assert len(list(missing_tokenizer({"tokenizer_config.json": None}, ()))) == 1
    assert list(missing_tokenizer({name: None}, ())) == []


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (("vocab.json",), False),
        (("merges.txt",), False),
        (("vocab.json", "merges.txt"), True),
        (("tokenization_x.py",), False),
        (("tokenization_x.py", "vocab.json"), True),
        (("tokenization_x.py", "rwkv_vocab_v20230424.txt"), True),
        (("tokenization_x.py", "ice_text.model"), True),
    ],
)
def test_half_a_tokenizer_is_none(names: tuple[str, ...], *, whole: bool) -> None:
    assert (list(missing_tokenizer(dict.fromkeys(names), ())) == []) == whole


def test_a_whole_model_has_no_problem_before_a_byte_of_it_is_here() -> None:
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "vocab.txt")
    assert list(model_problems(dict.fromkeys(names), ())) == []
