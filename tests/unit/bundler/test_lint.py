"""Lint says everything at once."""

import importlib.resources
from pathlib import Path

import pytest

from bundler.lint import known_backend, lock_problems, problems, warnings
from bundler.lock import Lock, Release, lock_path, read_lock
from bundler.manifest import parse_manifest, read_manifest
from installer.errors import RefusedError
from tests.unit.bundler.making import Site


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
    lock = Lock(signed=Release(7, "a" * 64))
    said = " ".join(warnings(read_manifest(site.manifest), lock))
    assert "docker" in said
    assert "sequence: 3 is lower than 7" in said


def test_a_sequence_below_an_unsigned_one_is_warned_of(site: Site) -> None:
    lock = Lock(unsigned=Release(8, "a" * 64))
    assert "sequence: 7 is lower than 8, the last one built" in warnings(read_manifest(site.manifest), lock)


def test_the_backend_is_known_once_the_image_is_locked(site: Site) -> None:
    assert known_backend(read_manifest(site.manifest), None) is None
    site.build()
    lock = read_lock(lock_path(site.manifest))
    chosen = known_backend(read_manifest(site.manifest), lock)
    assert chosen is not None
    assert chosen.words == "mp (the image holds no Ray)"
    site.rewrite("vllm:small", "vllm:other")
    assert known_backend(read_manifest(site.manifest), lock) is None


def test_a_backend_that_the_locked_image_lacks_is_a_problem(site: Site) -> None:
    site.build()
    site.rewrite("name: tiny\n", "name: tiny\ncluster: {backend: ray}\n")
    manifest, lock = read_manifest(site.manifest), read_lock(lock_path(site.manifest))
    assert ["holds no Ray" in str(problem) for problem in lock_problems(manifest, lock)] == [True]
