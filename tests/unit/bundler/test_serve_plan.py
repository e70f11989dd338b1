"""What fits is told from the manifest, its lock and config.json, without asking any source."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bundler.build import lock_manifest
from bundler.cache import Cache
from bundler.cli import run
from bundler.lock import read_lock
from bundler.manifest import read_manifest
from bundler.serve_plan import subject_of
from installer.errors import UsageError
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import FITS, Subject, judge
from tests.unit.bundler.lint.scenes import Change, look
from tests.unit.bundler.making import Site
from tests.unit.installer.hardware.shapes import QWEN_14B, QWEN_32B, QWEN_32B_GPTQ, WEIGHTS_14B, WEIGHTS_32B_GPTQ

CLUSTER = """\
cluster: {nodes: 1, gpus_per_node: 2, gpu: T4}
serve: {tensor_parallel_size: 2, max_model_len: 4096, args: [--dtype, half]}
"""
TAGGED = ("vllm:small", "vllm/vllm-openai:v0.6.4.post1")
KEYS = {
    "gpus",
    "vllm",
    "utilization",
    "length",
    "model",
    "weights_bytes",
    "options",
    "best",
    "manifest",
    "advice",
}
OPTION_KEYS = {
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "verdict",
    "reason",
    "refusals",
    "memory",
    "max_model_len",
    "utilization_hundredths",
    "try",
    "arithmetic",
}


@pytest.fixture
def qwen(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A manifest of two T4 for a model in a folder."""
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(site.folder / "cache"))
    put_config(site, QWEN_32B_GPTQ)
    site.manifest.write_text(site.manifest.read_text() + CLUSTER)
    return site


def put_config(site: Site, config: Mapping[str, object]) -> None:
    (site.model / "config.json").write_text(json.dumps(config))


def locked(site: Site) -> None:
    lock_manifest(read_manifest(site.manifest), (), site.asked.sources(), site.work)


def subject(site: Site, gpus: str = "", weights: int | None = None) -> Subject:
    lock = read_lock(site.manifest.with_suffix(".lock"))
    return subject_of(read_manifest(site.manifest), lock, Cache(site.folder / "cache"), gpus, weights)


def planned(site: Site, capsys: pytest.CaptureFixture[str], *options: str) -> Any:  # noqa: ANN401 # any JSON
    assert run(("plan", str(site.manifest), "-o", "json", *options)) == 0
    return json.loads(capsys.readouterr().out)


def test_sizes_and_shape_are_those_of_the_lock(qwen: Site) -> None:
    locked(qwen)
    found = subject(qwen)
    assert (found.gpus.name, found.gpus.nodes, found.gpus.per_node) == ("T4", 1, 2)
    assert found.weights == (qwen.model / "model.safetensors").stat().st_size
    assert (found.shape.layers, found.serving.vllm, found.length) == (64, (0, 6, 4), 4096)


def test_before_a_lock_the_folder_and_the_tag_are_enough(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    found = subject(qwen)
    assert found.weights == (qwen.model / "model.safetensors").stat().st_size
    assert found.serving.vllm == (0, 6, 4)


def test_gpus_and_weights_may_be_said(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    found = subject(qwen, "4x2xA10-24G", 123)
    assert (found.gpus.count, found.gpus.name, found.weights) == (8, "A10", 123)


def test_an_image_that_nobody_knows_needs_a_lock(qwen: Site) -> None:
    with pytest.raises(UsageError, match="which vLLM") as error:
        subject(qwen)
    assert error.value.hint == "bundle lock tiny.yaml"


def test_without_config_json_the_folder_is_named(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    (qwen.model / "config.json").unlink()
    with pytest.raises(UsageError, match=r"config\.json is not here") as error:
        subject(qwen)
    assert str(qwen.model) in error.value.hint


def test_config_json_of_a_hub_comes_with_the_lock(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite("{path: tiny-model}", "{source: huggingface, repo: a/b, revision: main}")
    with pytest.raises(UsageError, match=r"config\.json is not here") as error:
        subject(qwen)
    assert error.value.hint == "bundle lock tiny.yaml"


def test_a_manifest_without_gpus_is_told_how_to_name_them(qwen: Site) -> None:
    qwen.rewrite(", gpu: T4", "")
    with pytest.raises(UsageError, match="which GPUs") as error:
        subject(qwen)
    assert "--gpus 1x2xT4-16G" in error.value.hint


def test_the_command_needs_no_lock_where_all_is_said(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--gpus", "3x1xT4-16G", "--weights", "18G")) == 0
    text = capsys.readouterr().out
    assert "tp 1 x pp 3   " in text
    assert "40 % 3 = 1" in text
    assert "<- best" in text
    assert "!!!!" in text
    assert "tp 2 x pp 1 " in text  # the manifest's own, though it leaves a GPU over
    assert not Path(qwen.manifest.with_suffix(".lock")).exists()


def test_the_runbooks_figures_are_shown(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite("max_model_len: 4096", "max_model_len: 32768")
    assert run(("plan", str(qwen.manifest), "--gpus", "2x1xT4-16G", "--weights", "18.01G")) == 0
    text = capsys.readouterr().out
    assert "the sum for tp 2 x pp 1" in text
    assert "2 x 64 layers x 4 KV heads x 128 x 2 = 131072 bytes" in text
    assert "try: serve.max_model_len: " in text


def test_where_nothing_fits_it_says_so(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--weights", "40G")) == 2  # without --gpus, a plan needs a lock
    capsys.readouterr()
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "40G")) == 0
    text = capsys.readouterr().out
    assert "nothing fits: take more GPUs" in text
    assert "best" not in text


def test_the_document_has_all_of_it(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    document = planned(qwen, capsys, "--gpus", "2x1xT4-16G", "--weights", "18.01G")
    assert set(document) == {"schema", "serve"}
    found = document["serve"]
    assert set(found) == KEYS
    assert all(set(option) == OPTION_KEYS for option in (*found["options"], found["manifest"]))
    assert found["manifest"]["memory"]["token"] == 131072
    assert found["best"] == {"tensor_parallel_size": 1, "pipeline_parallel_size": 2}
    assert [advice["name"] for advice in found["advice"]] == ["gptq-exclamation-marks"]


def test_the_whole_plan_has_it_beside_the_rest(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    locked(qwen)
    document = planned(qwen, capsys)
    assert document["serve"]["gpus"]["name"] == "T4"
    assert document["bundle_bytes"] > 0
    assert run(("plan", str(qwen.manifest))) == 0
    assert "what fits on 1 x 2 x T4" in capsys.readouterr().out


def test_the_rest_is_told_where_the_gpus_are_not_known(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(", gpu: T4", "")
    locked(qwen)
    assert planned(qwen, capsys)["serve"] is None
    assert run(("plan", str(qwen.manifest))) == 0
    assert "which GPUs the nodes have is not known (--gpus 1x2xT4-16G" in capsys.readouterr().out


def test_what_is_no_gpu_is_2(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("plan", str(qwen.manifest), "--gpus", "many")) == 2
    assert "NODESxGPUSxNAME" in capsys.readouterr().err


def test_a_model_that_was_quantized_by_nobody_is_planned_too(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    put_config(qwen, QWEN_14B)
    assert subject(qwen).kernel == ""


def test_the_bundle_tells_the_node_the_shape(qwen: Site) -> None:
    built = qwen.build()
    assert built.sealed.index.model.shape == subject(qwen).shape


@pytest.mark.parametrize(
    ("name", "config", "weights"),
    [
        ("qwen2.5-32b-t4", QWEN_32B_GPTQ, WEIGHTS_32B_GPTQ),
        ("qwen2.5-32b-l20", QWEN_32B_GPTQ, WEIGHTS_32B_GPTQ),
        ("qwen2.5-14b-a10", QWEN_14B, WEIGHTS_14B),
        ("qwen2.5-32b-l40s", QWEN_32B, 65_527_752_704),
    ],
)
def test_the_manifests_of_this_repository_fit(
    tmp_path: Path, name: str, config: Mapping[str, object], weights: int
) -> None:
    """On the GPUs that they name, cut as they say."""
    case = look(tmp_path, name, Change(config=config))
    cluster, serve = case.manifest.cluster, case.manifest.serve
    found = subject_of(case.manifest, case.lock, Cache(tmp_path / "cache"), "", weights)
    assert found.gpus.count == cluster.nodes * cluster.gpus_per_node
    assert judge(found, Split(serve.tensor_parallel_size, serve.pipeline_parallel_size)).verdict == FITS
