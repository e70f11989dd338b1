"""Whose word it is what a tag means and which bytes a model has: a mirror's is said, until a digest covers it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lint import before_build
from bundler.lint.mirrors import RULES
from bundler.lock import Lock, LockedFile, Part
from bundler.manifest import Manifest, parse_manifest
from bundler.resolve import wanted_parts
from installer.index.components import Model

WEIGHTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
RULE = "mirror-names-the-model"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)


def manifest(folder: Path, model: str, *known: str) -> Manifest:
    text = f"format: 1\nname: n\nimage: {{ref: vllm/vllm-openai:v0.8.5, source: registry}}\nmodel: {{{model}}}\n"
    parsed = parse_manifest(text.encode(), folder / "m.yaml")
    return replace(parsed, model=replace(parsed.model, sha256=dict.fromkeys(known, "0" * 64)))


def said(manifest: Manifest, lock: Lock | None = None) -> list[str]:
    case = before_build(manifest, lock, Cache(manifest.folder / "cache"))
    return [f"{finding.severity} {finding.where}: {finding.what}" for finding in RULES[RULE](case)]


def locked(manifest: Manifest, names: Mapping[str, str]) -> Lock:
    """With each file known by whom ``names`` say, and got from a mirror where that is the one."""
    files = (
        LockedFile(f"model/b/{name}", "model", 1, "1" * 64, "hub a/b", known_by, "https://mirror.lan/x")
        for name, known_by in names.items()
    )
    return Lock({"model": Part(wanted_parts(manifest)["model"], Model("b"), tuple(files))})


HUGGING_FACE = "source: huggingface, repo: a/b"
MODELSCOPE = "source: modelscope, repo: a/b"
BY_MANIFEST = (
    "warning model.endpoint: mirror.lan will say which files the model has and what their digests are, "
    "and nobody compares that with the hub"
)
BY_ENVIRONMENT = BY_MANIFEST.replace("model.endpoint", "model.repo")


@pytest.mark.parametrize("source", [HUGGING_FACE, MODELSCOPE])
def test_a_mirror_of_the_manifest_is_said(source: str, tmp_path: Path) -> None:
    assert said(manifest(tmp_path, f"{source}, endpoint: 'https://mirror.lan'")) == [BY_MANIFEST]
    pinned = f"{source}, endpoint: 'https://mirror.lan', revision: {'0' * 40}"
    assert said(manifest(tmp_path, pinned)) == [BY_MANIFEST]


@pytest.mark.parametrize(
    ("source", "name", "value"),
    [
        (HUGGING_FACE, "HF_ENDPOINT", "https://mirror.lan/hf"),
        (MODELSCOPE, "MODELSCOPE_ENDPOINT", "https://mirror.lan"),
        (MODELSCOPE, "MODELSCOPE_DOMAIN", "mirror.lan"),
    ],
)
def test_a_mirror_of_this_machine_is_said(
    source: str, name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert said(manifest(tmp_path, source)) == [BY_ENVIRONMENT]


def test_an_endpoint_that_is_none_is_said_under_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "mirror.lan")
    (problem,) = said(manifest(tmp_path, HUGGING_FACE))
    assert problem.startswith("error model.endpoint: HF_ENDPOINT: ")


@pytest.mark.parametrize(
    "model",
    [HUGGING_FACE, MODELSCOPE, f"{HUGGING_FACE}, endpoint: 'https://huggingface.co'", "path: folder"],
)
def test_the_hub_itself_and_a_folder_are_nobodys_mirror(model: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/config.json").touch()
    assert said(manifest(tmp_path, model)) == []


def test_digests_that_the_person_knows_answer_it_before_a_lock(tmp_path: Path) -> None:
    model = f"{HUGGING_FACE}, endpoint: 'https://mirror.lan'"
    assert said(manifest(tmp_path, model, "config.json")) == [BY_MANIFEST]
    assert said(manifest(tmp_path, model, WEIGHTS[0])) == []


def test_once_it_is_locked_every_one_of_the_weights_must_be_known(tmp_path: Path) -> None:
    read = manifest(tmp_path, HUGGING_FACE, *WEIGHTS)
    known = dict.fromkeys(WEIGHTS, "manifest")
    assert said(read, locked(read, {**known, "config.json": "mirror"})) == []
    assert said(read, locked(read, {**known, WEIGHTS[1]: "mirror"})) == [BY_ENVIRONMENT]
    assert said(read, locked(read, dict.fromkeys(WEIGHTS, "hub"))) == []


def test_code_that_may_run_must_be_known_too(tmp_path: Path) -> None:
    read = manifest(tmp_path, f"{HUGGING_FACE}, allow: [code]", *WEIGHTS)
    lock = locked(read, {**dict.fromkeys(WEIGHTS, "manifest"), "modeling_b.py": "mirror"})
    assert said(read, lock) == [BY_ENVIRONMENT]


def test_the_lock_tells_whoever_was_asked_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = manifest(tmp_path, HUGGING_FACE)
    monkeypatch.setenv("HF_ENDPOINT", "https://another.lan")
    assert said(read, locked(read, dict.fromkeys(WEIGHTS, "hub"))) == []
