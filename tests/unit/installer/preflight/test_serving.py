from dataclasses import replace

import pytest

from installer.hardware.model_shape import read_shape
from installer.preflight import Finding, Situation, findings_of
from tests.fakes.facts import T4
from tests.fakes.situation import is_quiet, with_cluster, with_facts, with_index, with_serve

# Qwen2.5-32B-Instruct-GPTQ-Int4.
CONFIG = b"""{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "num_hidden_layers": 64,
 "hidden_size": 5120,
 "intermediate_size": 27648, "num_attention_heads": 40, "num_key_value_heads": 8, "vocab_size": 152064,
 "max_position_embeddings": 32768, "torch_dtype": "float16",
 "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}"""
WEIGHTS = 19_340_000_000


@pytest.fixture
def runbook(good: Situation) -> Situation:
    """Two nodes with a T4 each, and the settings that the runbook ended with."""
    (first, *_), others = good.index.of_kind("model"), [file for file in good.index.files if file.kind != "model"]
    weights = replace(first, path="model/tiny/model.safetensors", size=WEIGHTS)
    image = replace(good.index.image, versions={"vllm": "0.6.4.post1", "cuda": "12.4"})
    at = with_index(good, image=image, files=(*others, weights))
    at = with_serve(at, tensor_parallel_size=2, max_model_len=4096, gpu_memory_utilization="0.95")
    return with_index(at, model=replace(at.index.model, shape=read_shape(CONFIG)))


def problems(at: Situation) -> list[str]:
    return [found.name for found in findings_of(at) if found.level == "problem"]


def warnings(at: Situation) -> list[Finding]:
    return [found for found in findings_of(at) if (found.name, found.level) == ("serve-plan", "warning")]


def test_the_settings_that_the_runbook_ended_with(runbook: Situation) -> None:
    assert problems(runbook) == []


def test_what_the_gpu_computes_badly_is_a_warning_with_the_way_out(runbook: Situation) -> None:
    (found,) = warnings(runbook)
    assert 'prompts of up to 50 tokens with "!!!!"' in found.what
    assert "v0.14.1" in found.fix


def test_what_fits_perhaps_is_a_warning_with_the_sum_and_what_to_type(runbook: Situation) -> None:
    first, advice = warnings(with_serve(runbook, max_model_len=16384))
    assert "perhaps with requests of 16384 tokens" in first.what
    assert "= 131072 bytes" in first.what
    assert first.fix.startswith("vllm-airgap install --set max_model_len=")
    assert "!!!!" in advice.what


def test_where_memory_is_not_known_at_all_there_is_no_warning_of_it(runbook: Situation) -> None:
    shape = runbook.index.model.shape
    assert shape is not None
    for unknown in (replace(shape, architecture="Mystery"), replace(shape, window=4096)):
        at = with_serve(with_index(runbook, model=replace(runbook.index.model, shape=unknown)), max_model_len=32768)
        assert ["!!!!" in found.what for found in warnings(at)] == [True]
        assert problems(at) == []


def test_within_its_window_a_model_has_a_sum_as_any_other(runbook: Situation) -> None:
    shape = runbook.index.model.shape
    assert shape is not None
    windowed = with_index(runbook, model=replace(runbook.index.model, shape=replace(shape, window=16384)))
    first, _ = warnings(with_serve(windowed, max_model_len=16384))
    assert "perhaps with requests of 16384 tokens" in first.what


def test_what_the_gpu_cannot_compute_is_a_problem_and_no_warning_besides(runbook: Situation) -> None:
    at = with_serve(runbook, args=("--quantization", "gptq_marlin"))
    assert (problems(at), warnings(at)) == (["serve-plan"], [])


def test_a_length_that_an_option_allows_is_no_problem(runbook: Situation) -> None:
    """As lint judges it, which would else let a bundle go that every node refuses."""
    scaling = '{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}'
    short = replace(runbook.index.model, shape=read_shape(CONFIG.replace(b"32768", b"2048")))
    at = with_index(runbook, model=short)
    assert problems(at) == ["serve-plan"]
    assert problems(with_serve(at, args=("--dtype", "half", "--rope-scaling", scaling))) == []
    assert problems(with_serve(at, args=("--hf-overrides", f'{{"rope_scaling": {scaling}}}'))) == []
    assert problems(with_cluster(at, env={"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"})) == []


def test_the_length_that_did_not_fit(runbook: Situation) -> None:
    long = with_serve(runbook, max_model_len=32768, gpu_memory_utilization="0.90")
    assert problems(long) == ["serve-plan"]
    found = next(found for found in findings_of(long) if found.level == "problem")
    assert "--set" in found.fix


def test_heads_that_cannot_be_divided(runbook: Situation) -> None:
    at = with_serve(runbook, tensor_parallel_size=3)
    assert problems(at) == ["serve-plan"]


def test_without_a_driver_or_a_shape_nothing_is_said_of_memory(runbook: Situation) -> None:
    long = with_serve(runbook, max_model_len=32768)
    assert is_quiet(with_facts(long, "gpus", smi=()))
    assert is_quiet(with_index(long, model=replace(long.index.model, shape=None)))
    assert is_quiet(with_facts(long, "gpus", smi=(replace(T4, memory=0),)))


def test_more_parts_than_there_are_gpus_need_no_shape_to_be_told(good: Situation) -> None:
    """Two nodes with a GPU each."""
    at = with_serve(good, tensor_parallel_size=2, pipeline_parallel_size=2)
    for unseen in (at, with_facts(at, "gpus", smi=())):
        (found,) = (one for one in findings_of(unseen) if one.name == "serve-plan")
        assert found.level == "problem"
        assert found.what == (
            "tensor_parallel_size 2 x pipeline_parallel_size 2 is 4, but cluster has 2 nodes x 1 GPUs = 2"
        )
        assert "--set tensor_parallel_size=1 --set pipeline_parallel_size=2" in found.fix
    assert is_quiet(with_serve(good, tensor_parallel_size=1))


def test_a_card_for_a_display_decides_nothing(runbook: Situation) -> None:
    old = replace(T4, index=1, name="Quadro K620", memory=2048, capability=(5, 0))
    for silent in (old, replace(old, memory=0, capability=(0, 0))):
        at = with_facts(runbook, "gpus", smi=(silent, T4))
        assert problems(at) == []
        long = with_serve(at, max_model_len=32768, gpu_memory_utilization="0.90")
        assert problems(long) == ["serve-plan"]


def test_a_gpu_for_which_the_image_was_not_built(good: Situation) -> None:
    versions = {**good.index.image.versions, "cuda": "13.0"}
    at = with_index(good, image=replace(good.index.image, versions=versions))
    old = with_facts(at, "gpus", smi=(replace(T4, name="Tesla V100-SXM2-16GB", capability=(7, 0)),))
    assert [found.name for found in findings_of(old)][:1] == ["gpu-too-old"]
    assert findings_of(old)[0].what == (
        "this node has a GPU of compute capability 7.0, images for CUDA 13.0 start at 7.5"
    )
