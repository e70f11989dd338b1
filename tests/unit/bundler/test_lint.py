"""Lint says everything at once, in text and in JSON; a build refuses what lint refuses."""

import importlib.resources
import json
from pathlib import Path

import pytest

from bundler.build import lock_manifest
from bundler.cli import run
from bundler.findings import Finding
from bundler.lint import before_build, before_seal, findings, refuse_errors
from bundler.lock import lock_path, read_lock
from bundler.manifest import parse_manifest, read_manifest
from installer.errors import RefusedError
from installer.preflight import Report
from installer.preflight.finding import problem
from tests.unit.bundler.making import Site

KEYS = {"name", "level", "where", "what", "fix", "ignored", "exit_code"}
Output = pytest.CaptureFixture[str]


def found(site: Site) -> tuple[Finding, ...]:
    lock = read_lock(lock_path(site.manifest))
    return findings(before_build(read_manifest(site.manifest), lock, site.work.cache))


def errors(site: Site) -> list[Finding]:
    return [finding for finding in found(site) if finding.exit_code]


def test_the_starter_is_a_manifest() -> None:
    data = importlib.resources.files("bundler").joinpath("starter.yaml").read_bytes()
    assert parse_manifest(data, Path("m.yaml")).name == "my-cluster"


def test_all_problems_are_said_at_once(site: Site) -> None:
    site.rewrite("name: tiny\n", "name: tiny\nserve: {tensor_parallel_size: 3}\ncluster: {nodes: 2}\n")
    (site.model / "x.bin").touch()
    (site.model / "x.py").touch()
    assert [(finding.rule, finding.exit_code) for finding in errors(site)] == [
        ("parallel-sizes", 2),
        ("model-pickle", 6),
        ("model-code", 6),
    ]
    assert "3 x pipeline_parallel_size 1 is 3, but cluster has 2 nodes x 1 GPUs = 2" in errors(site)[0].what


def test_allowing_by_name_allows_that_alone(site: Site) -> None:
    (site.model / "x.bin").touch()
    (site.model / "x.py").touch()
    site.rewrite("tiny-model", "tiny-model, allow: [pickle]")
    (problem,) = errors(site)
    assert "x.py" in problem.what


def test_a_build_refuses_what_lint_refuses(site: Site) -> None:
    (site.model / "x.bin").touch()
    with pytest.raises(RefusedError, match=r"\[model-pickle\] model: x\.bin"):
        site.build()


def test_the_rules_are_repeated_on_the_bytes_that_are_sealed(site: Site) -> None:
    (site.model / "config.json").write_text('{"model_type": "qwen2", "num_attention_heads": 4}')
    site.rewrite("name: tiny\n", "name: tiny\ncluster: {gpus_per_node: 2}\nserve: {tensor_parallel_size: 2}\n")
    built, manifest, lock = site.build(), read_manifest(site.manifest), read_lock(lock_path(site.manifest))
    assert lock is not None
    refuse_errors(before_seal(manifest, lock, built.folder))
    sealed = built.folder / "model/tiny-model/config.json"
    sealed.write_text(sealed.read_text().replace("4}", "3}"))
    with pytest.raises(RefusedError, match=r"\[attention-heads\]"):
        refuse_errors(before_seal(manifest, lock, built.folder))


def test_a_bundled_python_wants_a_glibc(site: Site) -> None:
    (warning,) = [finding for finding in found(site) if finding.rule == "runtime-glibc"]
    assert warning.severity == "warning"
    assert "needs glibc 2." in warning.what
    site.rewrite("sequence: 7", 'sequence: 7\ntarget: {glibc: "2.99"}')
    assert [finding for finding in found(site) if finding.rule == "runtime-glibc"] == []


def test_a_lock_that_does_not_fit_is_said(site: Site) -> None:
    site.build()
    site.rewrite("27.4.0", "27.5.0")
    site.rewrite("sequence: 7", "sequence: 3")
    said = {finding.rule: finding.what for finding in found(site)}
    assert said["lock-stale"].startswith("docker ")
    assert said["sequence-behind"].startswith("3 is lower than 7")


def test_a_part_that_was_never_locked_is_not_called_changed(site: Site) -> None:
    site.build()
    lock = lock_path(site.manifest)
    document = json.loads(lock.read_text())
    del document["parts"]["docker"]
    lock.write_text(json.dumps(document))
    assert [finding.rule for finding in found(site) if finding.rule == "lock-stale"] == []
    site.rewrite("27.4.0", "27.5.0")
    assert [finding.rule for finding in found(site) if finding.rule == "lock-stale"] == []


def test_a_part_that_is_to_be_resolved_again_is_not_judged_by_what_it_was(site: Site) -> None:
    site.build()
    lock = lock_path(site.manifest)
    lock.write_text(lock.read_text().replace('"vllm": "0.6.4"', '"torch": "2.5.1"'))
    assert [finding.rule for finding in errors(site)] == ["no-vllm"]
    manifest, sources = read_manifest(site.manifest), site.asked.sources()
    with pytest.raises(RefusedError, match="no-vllm"):
        lock_manifest(manifest, (), sources, site.work)
    lock_manifest(manifest, ("image",), sources, site.work)
    assert errors(site) == []


def test_text_names_the_rule_and_the_remedy(site: Site, capsys: Output) -> None:
    (site.model / "x.bin").touch()
    assert run(("lint", str(site.manifest))) == 6
    lines = capsys.readouterr().err.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("error "))
    assert lines[at].startswith("error [model-pickle] model: x.bin: ")
    assert lines[at + 1].startswith("fix: ")


def test_a_remedy_for_a_model_folder_names_no_key_that_only_hubs_have(site: Site) -> None:
    (site.model / "x.bin").touch()
    (site.model / "tokenizer.json").unlink()
    fixes = {finding.rule: finding.fix for finding in errors(site)}
    assert fixes["model-pickle"] == "if nothing needs it, remove it from the folder; else: model.allow: [pickle]"
    assert fixes["model-tokenizer"] == "the download is not complete"
    site.rewrite("path: tiny-model", "path: tiny-mdoel")
    assert all("exclude" not in finding.fix for finding in errors(site))


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("driver.rnu", "correct the path; it starts at the manifest's folder"),
        ("file:///nowhere/driver.run", "correct the path"),
        ("/nowhere/driver.run", "correct the path"),
    ],
)
def test_only_a_relative_path_starts_at_the_manifest(site: Site, url: str, fix: str) -> None:
    site.rewrite("driver.run", url)
    (problem,) = errors(site)
    assert (problem.rule, problem.fix) == ("missing-file", fix)


def test_the_command_that_is_named_can_be_typed(site: Site) -> None:
    site.build()
    site.rewrite("27.4.0", "27.5.0")
    (stale,) = [finding for finding in found(site) if finding.rule == "lock-stale"]
    assert stale.fix == f"`bundle lock {site.manifest}` does so now"


def test_sizes_that_do_not_fit_are_answered_with_those_that_would(site: Site) -> None:
    site.rewrite("name: tiny\n", "name: tiny\nserve: {tensor_parallel_size: 3}\ncluster: {nodes: 2}\n")
    (problem,) = errors(site)
    assert problem.fix.startswith("take tensor_parallel_size ")
    assert problem.fix.endswith("or correct cluster.nodes and cluster.gpus_per_node")


def test_json_is_one_document_of_a_fixed_shape(site: Site, capsys: Output) -> None:
    (site.model / "x.bin").touch()
    assert run(("lint", str(site.manifest), "-o", "json")) == 6
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"schema", "problems", "warnings", "backend", "findings", "unchecked"}
    assert (document["schema"], document["problems"], document["backend"]) == (2, 1, None)
    assert document["problems"] + document["warnings"] == len(document["findings"])
    assert [set(finding) for finding in document["findings"]] == [KEYS] * len(document["findings"])
    (error,) = [finding for finding in document["findings"] if finding["level"] == "problem"]
    assert (error["name"], error["exit_code"]) == ("model-pickle", 6)


def test_a_finding_has_the_form_that_preflights_have(site: Site, capsys: Output) -> None:
    report = Report("tiny", "1", 7, "gpu1", "head", "10.0.0.1", (problem("space", "too little", "make room"),))
    (of_preflight,) = json.loads(json.dumps(report.document()))["findings"]
    (site.model / "x.bin").touch()
    run(("lint", str(site.manifest), "-o", "json"))
    found = json.loads(capsys.readouterr().out)["findings"]
    assert all(set(of_preflight) <= set(finding) for finding in found)
    assert {finding["level"] for finding in found} == {"problem", "warning"}


def refusal(site: Site, capsys: Output, code: int) -> list[dict[str, object]]:
    """The findings of a document that is printed although there was nothing to judge."""
    assert run(("lint", str(site.manifest), "-o", "json")) == code
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"schema", "problems", "warnings", "backend", "findings", "unchecked"}
    findings: list[dict[str, object]] = document["findings"]
    assert (document["problems"], document["warnings"], document["backend"]) == (len(findings), 0, None)
    for finding in findings:
        assert set(finding) == KEYS
        assert (finding["level"], finding["exit_code"]) == ("problem", code)
        assert finding["fix"]
    return findings


def test_mistakes_in_the_form_of_a_manifest_are_findings_of_the_document(site: Site, capsys: Output) -> None:
    site.rewrite("path: tiny-model", "pat: tiny-model")
    site.rewrite("name: tiny\n", "name: tiny\ncluster: {nodes: many}\n")
    found = {finding["where"]: finding["what"] for finding in refusal(site, capsys, 2)}
    assert found == {
        "model.pat": "unknown key",
        "model.path": "missing",
        "cluster.nodes": "not a whole number",
    }


@pytest.mark.parametrize(("data", "where"), [(b"a: [", "line 1"), (b"\xff", "m.yaml"), (b"- 1", "document")])
def test_what_is_no_manifest_at_all_is_one_finding(site: Site, capsys: Output, data: bytes, where: str) -> None:
    site.manifest.write_bytes(data)
    (finding,) = refusal(site, capsys, 2)
    assert finding["name"] == "manifest-form"
    assert str(finding["where"]).endswith(where if where != "m.yaml" else site.manifest.name)


def test_a_manifest_that_cannot_be_read_is_a_finding(site: Site, capsys: Output) -> None:
    site.manifest.unlink()
    (finding,) = refusal(site, capsys, 2)
    assert (finding["name"], finding["where"]) == ("manifest-form", str(site.manifest))
    site.manifest.mkdir()
    (finding,) = refusal(site, capsys, 2)
    assert finding["where"] == str(site.manifest)


def test_a_lock_that_cannot_be_read_is_a_finding(site: Site, capsys: Output) -> None:
    lock_path(site.manifest).write_text("{")
    (finding,) = refusal(site, capsys, 2)
    assert (finding["name"], finding["where"]) == ("lint-stopped", lock_path(site.manifest).name)
    lock_path(site.manifest).unlink()
    lock_path(site.manifest).mkdir()
    (finding,) = refusal(site, capsys, 7)
    assert (finding["name"], finding["where"]) == ("lint-stopped", str(lock_path(site.manifest)))


def test_people_still_read_it_as_errors(site: Site, capsys: Output) -> None:
    site.rewrite("path: tiny-model", "pat: tiny-model")
    assert run(("lint", str(site.manifest))) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert f"error: {site.manifest}: model.path: missing\n" in written.err
    assert "hint: `bundle init FILE` writes a commented manifest to compare with\n" in written.err


def test_the_backend_is_said_once_the_image_is_known(site: Site, capsys: Output) -> None:
    site.build()
    assert run(("lint", str(site.manifest))) == 0
    assert "backend: mp (the image holds no Ray)" in capsys.readouterr().out
    assert run(("lint", str(site.manifest), "-o", "json")) == 0
    assert json.loads(capsys.readouterr().out)["backend"] == {"name": "mp", "reason": "the image holds no Ray"}


def test_warnings_never_fail(site: Site, capsys: Output) -> None:
    site.rewrite("version: 1.17.8", "version: 1.17.3")
    assert run(("lint", str(site.manifest))) == 0
    written = capsys.readouterr()
    assert "warning [toolkit-cves] toolkit.version: " in written.err
    assert "no problem" not in written.out
    assert f"{site.manifest}: no errors, 3 warnings\n" in written.out


def test_what_was_not_checked_is_said(site: Site, capsys: Output) -> None:
    assert run(("lint", str(site.manifest))) == 0
    assert "not checked: the image: vllm:small does not tell its version" in capsys.readouterr().out
    assert run(("lint", str(site.manifest), "-o", "json")) == 0
    (unchecked,) = json.loads(capsys.readouterr().out)["unchecked"]
    assert unchecked.startswith("the image: ")
    site.build()
    assert run(("lint", str(site.manifest))) == 0
    assert "not checked" not in capsys.readouterr().out
