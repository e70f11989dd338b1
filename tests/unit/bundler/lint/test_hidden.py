"""What a server would fetch by itself is found in every form that it takes it in."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.lint.hidden import RULES
from bundler.manifest import FileSpec
from tests.unit.bundler.lint.scenes import Change, look

NAMES = ("o200k_base.tiktoken", "cl100k_base.tiktoken")


def repositories(folder: Path, args: Sequence[str]) -> list[str]:
    known = look(folder, "qwen2.5-32b-t4", Change())
    manifest = replace(known.manifest, serve=replace(known.manifest.serve, args=tuple(args)))
    return [finding.where for finding in RULES["hidden-repository"](replace(known, manifest=manifest))]


@pytest.mark.parametrize(
    "args",
    [
        ("--tokenizer", "org/tok"),
        ("--speculative-model", "org/draft"),
        ("--speculative-config", '{"model": "org/draft", "num_speculative_tokens": 3}'),
        ('--speculative_config={"model": "org/draft"}',),
        ("-sc", '{"model": "org/draft"}'),
        ("--speculative-config.model", "org/draft"),
        ("--speculative-config.model=org/draft",),
        ("-sc.model", "org/draft"),
        ("--lora-modules", "sql=org/lora"),
        ("--lora-modules", "own=/files/own", "sql=org/lora"),
        ("--enable-lora", "--lora-modules", '{"name": "x", "path": "org/lora"}'),
        ("--lora-modules", '[{"name": "x", "path": "org/lora"}]'),
        ("--lora-modules=sql=org/lora",),
    ],
)
def test_a_repository_is_found_in_every_form(args: Sequence[str], tmp_path: Path) -> None:
    assert repositories(tmp_path, args) == ["serve.args"]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--speculative-config", '{"model": "/files/draft"}'),
        ("--speculative-config", '{"method": "ngram", "prompt_lookup_max": 4}'),
        ("--speculative-config", '{"model": "[ngram]"}'),
        ("--speculative-config", '{"method": "ngram", "model": null}'),
        ("--speculative-config.method", "mtp"),
        ("--speculative-config.model=/models/m/draft",),
        ("--lora-modules", "sql=/files/lora", '{"name": "x", "path": "/files/x"}'),
        ("--lora-modules", "sql=/files/lora", "--dtype", "half"),
        ("--chat-template-content-format", "string"),
        ("--speculative-config", "{no json"),
    ],
)
def test_a_path_and_what_is_no_model_are_no_repository(args: Sequence[str], tmp_path: Path) -> None:
    assert repositories(tmp_path, args) == []


def harmony(folder: Path, base: str | None, *names: str) -> list[str]:
    known = look(folder, "qwen2.5-32b-t4", Change(config={"model_type": "gpt_oss"}))
    env = {} if base is None else {"TIKTOKEN_ENCODINGS_BASE": base}
    files = tuple(FileSpec("https://m/x", "", name, "") for name in names)
    manifest = replace(known.manifest, files=files, cluster=replace(known.manifest.cluster, env=env))
    return [finding.fix for finding in RULES["hidden-harmony"](replace(known, manifest=manifest))]


@pytest.mark.parametrize(
    ("base", "below"), [("/files", ""), ("/files/", ""), ("/files/sub", "sub/"), ("/files/a/b", "a/b/")]
)
def test_vocabularies_where_the_variable_points_satisfy_harmony(base: str, below: str, tmp_path: Path) -> None:
    assert harmony(tmp_path, base, *(f"{below}{name}" for name in NAMES)) == []


@pytest.mark.parametrize(
    ("base", "below", "fix"),
    [
        ("/files", "sub/", 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files/sub"}'),
        ("/files/other", "sub/", 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files/sub"}'),
        ("/files/sub", "", 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files"}'),
        ("/filesystem", "", 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files"}'),
        (None, "sub/", 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files/sub"}'),
    ],
)
def test_a_variable_that_points_beside_them_is_to_be_corrected(
    base: str | None, below: str, fix: str, tmp_path: Path
) -> None:
    assert harmony(tmp_path, base, *(f"{below}{name}" for name in NAMES)) == [fix]


def test_vocabularies_in_two_folders_are_not_found_by_one_variable(tmp_path: Path) -> None:
    (fix,) = harmony(tmp_path, "/files/sub", f"sub/{NAMES[0]}", NAMES[1])
    assert fix.startswith("add to files: {url: ")
    assert "name: sub/cl100k_base.tiktoken}" in fix
    assert "TIKTOKEN_ENCODINGS_BASE" not in fix
