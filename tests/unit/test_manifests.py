"""Every manifest of this repository, also one that is new, is right once its model is there."""

from pathlib import Path

import pytest

from bundler.lint import problems
from bundler.manifest import read_manifest

MANIFESTS = sorted((Path(__file__).parents[2] / "manifests").glob("*.yaml"))


def test_there_are_manifests() -> None:
    assert MANIFESTS


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_lint_finds_nothing(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    manifest = read_manifest(copy)
    manifest.model_folder.mkdir(parents=True)
    (manifest.model_folder / "model.safetensors").touch()
    assert problems(manifest) == ()
