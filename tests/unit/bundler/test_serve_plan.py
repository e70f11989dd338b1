"""What fits is told from the manifest, its lock and config.json, without asking any source."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.build import lock_manifest
from bundler.cache import Cache
from bundler.cli import run
from bundler.cli.serve_plan_lines import lines_of
from bundler.console.folding import folded
from bundler.lint import before_build
from bundler.lock import read_lock
from bundler.manifest import read_manifest
from bundler.serve_plan import subject_of
from bundler.serve_verdict import own_way
from bundler.sizes import in_units
from installer.errors import UsageError
from installer.hardware.gpu_sets import GIB
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import FITS, Subject, judge, plan_serving
from installer.hardware.serve_words import why_best
from installer.index.gpus import GPUS
from tests.unit.bundler.lint.scenes import Change, look
from tests.unit.bundler.making import Site
from tests.unit.installer.hardware.shapes import QWEN_14B, QWEN_32B, QWEN_32B_GPTQ, WEIGHTS_14B, WEIGHTS_32B_GPTQ

CLUSTER = """\
cluster: {nodes: 1, gpus_per_node: 2, gpu: T4}
serve: {tensor_parallel_size: 2, max_model_len: 4096, args: [--dtype, half]}
"""
TAGGED = ("vllm:small", "vllm/vllm-openai:v0.6.4.post1")
TALKS = "tp talks in every layer, so it stays in a node of 1 GPU; pp goes from node to node"
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
    case = before_build(read_manifest(site.manifest), lock, Cache(site.folder / "cache"))
    return subject_of(case, gpus, weights)


def planned(site: Site, capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> Any:  # noqa: ANN401 # any JSON
    assert run(("plan", str(site.manifest), "-o", "json", *options)) == code
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
    assert "vllm:small is no release of vllm/vllm-openai by its tag" in str(error.value)
    assert error.value.hint == f"bundle lock {qwen.manifest}"


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
    assert "from huggingface it comes with the lock" in str(error.value)
    assert error.value.hint == f"bundle lock {qwen.manifest}"


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
    assert "\nbest          tp 1 x pp 3\n" in text
    assert "\nthe manifest  tp 2 x pp 1\n" in text  # though it leaves a GPU over
    assert "!!!!" in text
    assert not Path(qwen.manifest.with_suffix(".lock")).exists()


def test_the_runbooks_figures_are_shown(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite("max_model_len: 4096", "max_model_len: 32768")
    assert run(("plan", str(qwen.manifest), "--gpus", "2x1xT4-16G", "--weights", "18.01G")) == 6
    text = capsys.readouterr().out
    assert "how that comes about for tp 2 x pp 1" in text
    assert "2 x 64 layers x 4 KV heads x 128 x 2 = 131072 bytes" in text
    assert "try: serve.max_model_len: " in text


def test_where_nothing_fits_it_says_so(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--weights", "40G")) == 2  # without --gpus, a plan needs a lock
    capsys.readouterr()
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "40G")) == 6
    written = capsys.readouterr()
    assert "\nbest          none\n" in written.out
    assert (
        "error: Qwen2ForCausalLM in gptq at tp 2 x pp 1 on 1 x 2 x T4 (15.0 GiB) does not fit: No avail" in written.err
    )
    assert "hint: take more GPUs or larger ones, a smaller model, or a shorter serve.max_model_len" in written.err


def too_long(site: Site) -> None:
    """For two T4, by far."""
    site.rewrite("max_model_len: 4096", "max_model_len: 32768")


def test_what_the_manifest_asks_for_and_does_not_fit_ends_with_6_after_the_plan(
    qwen: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    locked(qwen)
    assert run(("plan", str(qwen.manifest), "--weights", "18.01G")) == 0
    too_long(qwen)
    capsys.readouterr()
    assert run(("plan", str(qwen.manifest), "--weights", "18.01G")) == 6
    written = capsys.readouterr()
    assert "room on each node" in written.out
    assert "tp 2 x pp 1   does not fit" in written.out
    assert "does not fit: No available memory for the cache blocks" in written.err
    assert "hint: serve.max_model_len: " in written.err
    document = planned(qwen, capsys, "--weights", "18.01G", code=6)
    assert document["serve"]["manifest"]["verdict"] == "does not fit"


def test_sizes_that_the_model_refuses_end_with_6_and_the_way_out(
    qwen: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite("tensor_parallel_size: 2", "tensor_parallel_size: 3")
    assert run(("plan", str(qwen.manifest), "--gpus", "3x1xT4", "--weights", "18.01G")) == 6
    said = capsys.readouterr().err
    assert "at tp 3 x pp 1 on 3 x 1 x T4 (15.0 GiB) is refused: 40 % 3 = 1" in said
    assert "hint: serve.tensor_parallel_size: 1 and serve.pipeline_parallel_size: 3" in said


def test_sizes_that_are_not_the_clusters_are_a_mistake_of_the_manifest_as_to_lint(
    qwen: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    locked(qwen)
    qwen.rewrite("tensor_parallel_size: 2", "tensor_parallel_size: 1")
    assert run(("lint", str(qwen.manifest))) == 2
    capsys.readouterr()
    assert run(("plan", str(qwen.manifest))) == 2
    written = capsys.readouterr()
    assert "what fits on 1 x 2 x T4" in written.out
    assert "is 1, but cluster has 1 nodes x 2 GPUs = 2" in written.err


def test_where_nothing_fits_the_sum_is_of_a_way_that_has_one(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    too_long(qwen)
    assert run(("plan", str(qwen.manifest), "--gpus", "3x1xT4", "--weights", "18.01G")) == 6
    text = capsys.readouterr().out
    assert "how that comes about for tp 1 x pp 3" in text
    assert "try: serve.max_model_len: " in text


def test_another_number_of_gpus_is_judged_by_the_best_way(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--gpus", "4x1xT4", "--weights", "18.01G")) == 0
    assert run(("plan", str(qwen.manifest), "--gpus", "1x1xT4", "--weights", "18.01G")) == 6


def test_weights_that_are_known_otherwise_are_said_to_be(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    locked(qwen)
    capsys.readouterr()
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "18.01G")) == 0
    known = (qwen.model / "model.safetensors").stat().st_size
    said = f"warning: counted with --weights 18.0 GiB, not with the {in_units(known)} that the lock has\n"
    assert capsys.readouterr().err == said
    qwen.rewrite(*TAGGED)
    qwen.manifest.with_suffix(".lock").unlink()
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "18.01G")) == 0
    assert "that the model's folder has" in capsys.readouterr().err
    os.truncate(qwen.model / "model.safetensors", 64 << 20)
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "64M")) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ("18", "'18' has no unit: say 18G or 18GiB"),
        ("19.4", "'19.4' has no unit: say 19.4G or 19.4GiB"),
        ("18B", "'18B' is less than 64 MiB: say 18G or 18GiB"),
        ("18 MiB", "'18 MiB' is less than 64 MiB: say 18G or 18GiB"),
        ("19340000000", "'19340000000' has no unit: say 19340000000B if these are bytes"),
    ],
)
def test_weights_of_which_nobody_said_the_unit_are_refused(
    qwen: Site, capsys: pytest.CaptureFixture[str], size: str, why: str
) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--gpus", "2x1xT4", "--weights", size)) == 2
    assert why in capsys.readouterr().err


def test_exact_bytes_of_weights_are_taken(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    found = planned(qwen, capsys, "--gpus", "2x1xT4", "--weights", "19340000000B")
    assert found["serve"]["weights_bytes"] == 19_340_000_000


def test_weights_that_nobody_knows_may_be_said(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    (qwen.model / "model.safetensors").unlink()
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4")) == 0
    text = capsys.readouterr().out
    assert "perhaps: the size of its weights is not known" in text
    assert "try: --weights SIZE" in text
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "18G")) == 0
    assert "try: --weights" not in capsys.readouterr().out


def test_weights_are_not_asked_for_where_they_would_not_help(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    (qwen.model / "model.safetensors").unlink()
    put_config(qwen, {"model_type": "mystery", "architectures": ["Mystery"], "num_attention_heads": 8})
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4")) == 0
    assert "--weights" not in capsys.readouterr().out


@pytest.mark.parametrize("command", [("plan",), ("cache", "prune")])
def test_the_help_says_what_a_g_is(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    assert run((*command, "--help")) == 0
    assert "G, GB and GiB are one and the same here: 2^30 bytes" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("gpus", "old", "new", "why"),
    [
        (
            "2x1xL20",
            "",
            "",
            f"{TALKS}; the manifest's tp 2 x pp 1 is allowed, too",
        ),
        (
            "1x2xL20",
            "tensor_parallel_size: 2",
            "pipeline_parallel_size: 2",
            "the widest tp that stays in a node of 2 GPUs answers soonest; the manifest's tp 1 x pp 2 is allowed, too",
        ),
        ("3x1xL20", "", "", "tp 1 x pp 3 fits, tp 2 x pp 1 is refused"),
    ],
)
def test_what_is_best_is_told_with_what_the_code_ranks_by(qwen: Site, gpus: str, old: str, new: str, why: str) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite(old or "tensor_parallel_size", new or "tensor_parallel_size")
    fits = plan_serving(subject(qwen, gpus, int(18.01 * GIB)))
    serve = read_manifest(qwen.manifest).serve
    own = own_way(fits, Split(serve.tensor_parallel_size, serve.pipeline_parallel_size))
    assert [line.text for line in lines_of(fits, own) if line.text.startswith("why")] == [f"why           {why}"]


def test_what_is_best_is_told_for_nodes_that_are_joined_otherwise(qwen: Site) -> None:
    qwen.rewrite(*TAGGED)
    slow = subject(qwen, "4x1xL20", int(18.01 * GIB))
    fast = replace(slow, has_rdma=True)
    wide, narrow = Split(4, 1), Split(2, 2)
    assert why_best(fast, judge(fast, wide), judge(fast, narrow)) == (
        "the widest tp as RDMA joins the nodes answers soonest"
    )
    assert "the narrower talks less" in why_best(slow, judge(slow, narrow), judge(slow, wide))


def test_what_is_best_needs_no_reason_where_the_manifest_has_it(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4", "--weights", "18G")) == 0
    assert "\nwhy " not in capsys.readouterr().out


def test_small_sizes_are_not_told_as_nothing(qwen: Site, capsys: pytest.CaptureFixture[str]) -> None:
    qwen.rewrite(*TAGGED)
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4")) == 0
    text, known = capsys.readouterr().out, (qwen.model / "model.safetensors").stat().st_size
    assert "0.00 GiB" not in text
    assert "0.0 GiB" not in text
    assert " 0.0 " not in text
    assert f"weights     {known / 1024:.2f} KiB of files" in text


def test_a_plan_for_nobody_knows_how_long_requests_says_no_length(
    qwen: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    qwen.rewrite(*TAGGED)
    put_config(qwen, {"model_type": "mystery", "architectures": ["Mystery"], "num_attention_heads": 8})
    qwen.rewrite(", max_model_len: 4096", "")
    assert run(("plan", str(qwen.manifest), "--gpus", "1x2xT4")) == 0
    assert "0 tokens" not in capsys.readouterr().out


@pytest.mark.parametrize("length", [4096, 32768])
@pytest.mark.parametrize("gpus", ["2x1xT4-16G", "3x1xT4", "1x8xH200", "16x1xL20"])
def test_a_plan_fits_into_80_columns(qwen: Site, gpus: str, length: int) -> None:
    qwen.rewrite(*TAGGED)
    qwen.rewrite("max_model_len: 4096", f"max_model_len: {length}")
    fits = plan_serving(subject(qwen, gpus, int(18.01 * GIB)))
    lines = tuple(lines_of(fits, own_way(fits, Split(2, 1))))
    assert [row for line in lines for row in folded(line.text, 80, line.hanging) if len(row) > 80] == []
    rows = [line.text for line in lines if line.text.startswith("  tp") and "refused" not in line.text]
    assert [row for row in rows if len(row) > 80] == []  # a row of the table is never folded


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


def test_the_help_explains_how_gpus_are_written_and_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("plan", "--help")) == 0
    text = capsys.readouterr().out
    assert "2x1xT4-16G: 2 nodes, 1 GPU in each, T4 cards, of 16 GB each" in " ".join(text.split())
    assert set(GPUS) <= set(text.replace(",", " ").split())
    assert all(len(line) <= 80 for line in text.splitlines())


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
    found = subject_of(case, "", weights)
    assert found.gpus.count == cluster.nodes * cluster.gpus_per_node
    assert judge(found, Split(serve.tensor_parallel_size, serve.pipeline_parallel_size)).verdict == FITS
