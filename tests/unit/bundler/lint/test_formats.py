"""Formats that serve.args ask for are among the model's files."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.lint.case import Case
from bundler.lint.formats import RULES
from tests.unit.bundler.lint.scenes import Change, look

HF = ("config.json", "tokenizer.json", "model.safetensors")
MISTRAL = ("params.json", "tekken.json", "consolidated.safetensors")


def case(folder: Path, names: tuple[str, ...], *args: str) -> Case:
    known = look(folder, "qwen2.5-32b-t4", Change())
    manifest = replace(known.manifest, serve=replace(known.manifest.serve, args=args))
    return replace(known, manifest=manifest, model=dict.fromkeys(names))


def said(folder: Path, names: tuple[str, ...], *args: str) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in RULES["load-format"](case(folder, names, *args))]


@pytest.mark.parametrize(
    ("names", "args"),
    [
        (HF, ()),
        (HF, ("--load-format", "auto", "--config-format=hf", "--tokenizer-mode", "auto")),
        (HF, ("--load-format=safetensors",)),
        (HF, ("--load-format", "runai_streamer")),
        (HF, ("--load-format", "a-format-that-is-newer")),
        (MISTRAL, ("--load-format", "mistral", "--config_format", "mistral", "--tokenizer-mode", "mistral")),
        (("tokenizer.model.v3", *MISTRAL[1:]), ("--tokenizer-mode", "mistral")),
        (("pytorch_model.bin",), ("--load-format", "pt")),
        (("q4.gguf",), ("--load-format", "gguf")),
    ],
)
def test_what_is_there_is_no_finding(names: tuple[str, ...], args: tuple[str, ...], tmp_path: Path) -> None:
    assert said(tmp_path, names, *args) == []


@pytest.mark.parametrize(
    ("names", "args", "lacking"),
    [
        (HF, ("--load-format", "mistral"), "--load-format mistral reads consolidated*.safetensors"),
        (HF, ("--config-format=mistral",), "--config-format mistral reads params.json"),
        (HF, ("--tokenizer-mode", "mistral"), "--tokenizer-mode mistral reads tekken.json or tokenizer.model*"),
        (MISTRAL, ("--config-format", "hf"), "--config-format hf reads config.json"),
        (HF, ("--load-format", "pt"), "--load-format pt reads *.pt or *.bin"),
        (HF, ("--load-format", "gguf"), "--load-format gguf reads *.gguf"),
        (("a/model.safetensors",), ("--load-format", "safetensors"), "--load-format safetensors reads *.safetensors"),
    ],
)
def test_what_is_not_there_is_said(names: tuple[str, ...], args: tuple[str, ...], lacking: str, tmp_path: Path) -> None:
    assert said(tmp_path, names, *args) == [f"serve.args: {lacking}, which is not among the model's files"]


def test_what_the_model_holds_must_be_known_first(tmp_path: Path) -> None:
    unknown = replace(case(tmp_path, HF, "--load-format", "mistral"), model=None)
    assert list(RULES["load-format"](unknown)) == []
