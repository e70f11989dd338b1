"""Lint says everything at once; the manifests of this repository have nothing to say about."""

import importlib.resources
from pathlib import Path

import pytest

from bundler.lint import problems, warnings
from bundler.lock import Lock, Signed
from bundler.manifest import parse_manifest, read_manifest
from installer.errors import RefusedError
from tests.unit.bundler.making import Site

MANIFESTS = sorted((Path(__file__).parents[3] / "manifests").glob("*.yaml"))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_our_manifests_have_no_problem_once_the_model_is_there(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    manifest = read_manifest(copy)
    manifest.model_folder.mkdir(parents=True)
    (manifest.model_folder / "model.safetensors").touch()
    assert problems(manifest) == ()


def test_there_are_manifests_to_lint() -> None:
    assert "qwen2.5-32b-t4.yaml" in [path.name for path in MANIFESTS]


def test_the_starter_is_a_manifest() -> None:
    data = importlib.resources.files("bundler").joinpath("starter.yaml").read_bytes()
    assert parse_manifest(data, Path("m.yaml")).name == "my-cluster"


def test_all_problems_are_said_at_once(site: Site) -> None:
    site.rewrite("name: tiny\n", "name: tiny\nserve: {tensor_parallel_size: 3}\ncluster: {nodes: 2}\n")
    (site.model / "x.bin").touch()
    (site.model / "x.py").touch()
    found = problems(read_manifest(site.manifest))
    assert [problem.exit_code for problem in found] == [2, 6, 6]
    assert "3 x pipeline_parallel_size 1 is 3, but cluster has 2 nodes x 1 GPUs = 2" in str(found[0])


def test_allowing_by_name_allows_that_alone(site: Site) -> None:
    (site.model / "x.bin").touch()
    (site.model / "x.py").touch()
    site.rewrite("tiny-model", "tiny-model, allow: [pickle]")
    (problem,) = problems(read_manifest(site.manifest))
    assert "x.py" in str(problem)


def test_a_build_refuses_what_lint_refuses(site: Site) -> None:
    (site.model / "x.bin").touch()
    with pytest.raises(RefusedError, match=r"x\.bin"):
        site.build()


def test_a_bundled_python_wants_a_glibc(site: Site) -> None:
    assert any("needs glibc 2." in warning for warning in warnings(read_manifest(site.manifest), None))
    site.rewrite("sequence: 7", 'sequence: 7\ntarget: {glibc: "2.99"}')
    assert warnings(read_manifest(site.manifest), None) == ()


def test_plain_http_without_a_digest_is_warned_of(site: Site) -> None:
    site.rewrite("url: driver.run", "url: http://mirror/driver.run")
    assert any("driver.url: http" in warning for warning in warnings(read_manifest(site.manifest), None))


def test_a_lock_that_does_not_fit_is_said(site: Site) -> None:
    site.build()
    site.rewrite("27.4.0", "27.5.0")
    site.rewrite("sequence: 7", "sequence: 3")
    lock = Lock(signed=Signed(7, "a" * 64))
    said = " ".join(warnings(read_manifest(site.manifest), lock))
    assert "docker" in said
    assert "sequence: 3 is lower than 7" in said
