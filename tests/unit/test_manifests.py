"""Every manifest of this repository, also one that is new, is right."""

from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lint import before_build, findings
from bundler.manifest import read_manifest

MANIFESTS = sorted((Path(__file__).parents[2] / "manifests").glob("*.yaml"))


def test_there_are_manifests() -> None:
    assert MANIFESTS


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_lint_finds_no_error(path: Path, tmp_path: Path) -> None:
    case = before_build(read_manifest(path), None, Cache(tmp_path))
    assert [finding for finding in findings(case) if finding.exit_code] == []
