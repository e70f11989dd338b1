"""What fits where: the runbook's clusters, and why the others do not."""

from dataclasses import replace

import pytest

from installer.hardware.gpu_sets import GIB
from installer.hardware.gpu_spellings import parse_gpus
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import DOES_NOT_FIT, FITS, PERHAPS, Subject, judge, plan_serving
from installer.hardware.serve_words import arithmetic, headline, settings_to_try
from tests.unit.installer.hardware.shapes import (
    DEEPSEEK_V3,
    GPTQ,
    LLAMA_8B,
    MISTRAL_7B,
    QWEN_14B,
    QWEN_30B_A3B,
    QWEN_32B,
    QWEN_32B_GPTQ,
    WEIGHTS_14B,
    WEIGHTS_32B_GPTQ,
    a10_cluster,
    served,
    shape_of,
    t4_runbook,
)


def test_two_t4_090_with_32768_fails_as_the_runbook_says() -> None:
    found = judge(t4_runbook(32768, 0.90), Split(2, 1))
    assert found.verdict == DOES_NOT_FIT
    assert found.reason.startswith("No available memory for the cache blocks")


def test_two_t4_095_with_4096_fits_as_the_runbook_says() -> None:
    found = judge(t4_runbook(4096, 0.95), Split(2, 1))
    assert found.verdict == FITS
    assert "= 1548 blocks of 16 = 24768 tokens" in "\n".join(arithmetic(found))


def test_two_t4_095_with_32768_fails_for_want_of_tokens() -> None:
    found = judge(t4_runbook(32768, 0.95), Split(2, 1))
    assert found.verdict == DOES_NOT_FIT
    assert "max seq len (32768) is larger than" in found.reason


def test_four_a10_hold_the_14b_in_bfloat16() -> None:
    found = plan_serving(a10_cluster())
    assert [(option.split.tp, option.verdict) for option in found.options] == [(1, FITS), (2, FITS), (4, FITS)]
    assert not found.advice


def test_three_gpus_cannot_share_40_heads() -> None:
    subject = replace(t4_runbook(4096, 0.95), gpus=parse_gpus("3x1xT4-16G"))
    found = judge(subject, Split(3, 1))
    assert found.verdict == DOES_NOT_FIT
    assert arithmetic(found)[0].startswith("40 % 3 = 1: ")
    best = plan_serving(subject).best
    assert best is not None
    assert best.split == Split(1, 3)


def test_the_best_way_fits_first_and_stays_in_the_machines_second() -> None:
    subject = Subject(shape_of(QWEN_32B_GPTQ), WEIGHTS_32B_GPTQ, parse_gpus("2x4xL20"), served("0.8.5", 32768))
    best = plan_serving(subject).best
    assert best is not None
    assert (best.split, best.verdict) == (Split(4, 2), FITS)


def test_a_way_over_the_network_that_may_fit_beats_one_that_does_not() -> None:
    """At tp 1 a layer's activation is whole on each GPU."""
    plan = plan_serving(t4_runbook(16384, 0.95))
    assert [(option.split.tp, option.verdict) for option in plan.options] == [(1, DOES_NOT_FIT), (2, PERHAPS)]
    assert plan.best == plan.options[1]


def test_a_request_that_would_need_the_cache_of_all_stages_of_v0_does_not_fit() -> None:
    serving = replace(served("0.8.5", 16384, 0.95), dtype="half")
    subject = replace(t4_runbook(16384, 0.95), gpus=parse_gpus("3x1xT4-16G"), serving=serving)
    found = judge(subject, Split(1, 3))
    assert found.memory is not None
    assert found.memory.blocks.low * 16 >= 16384
    assert found.verdict == DOES_NOT_FIT
    assert "max seq len (16384) is larger than" in found.reason
    assert " blocks of 16 in 3 shares = " in arithmetic(found)[-1]
    shorter = judge(replace(subject, serving=replace(subject.serving, length=4096)), Split(1, 3))
    assert shorter.reason.startswith("a stage's share of the cache holds ")
    newer = replace(subject, serving=replace(served("0.10.2", 16384, 0.95), dtype="half"))
    assert judge(newer, Split(1, 3)).verdict == FITS


def two_l4(vllm: str, length: int) -> Subject:
    """Llama 3.1 8B."""
    shape = shape_of(LLAMA_8B, max_position_embeddings=131072)
    return Subject(shape, 16 * GIB, parse_gpus("1x2xL4"), served(vllm, length))


def test_releases_before_0_8_start_with_less_than_a_request_in_a_share_and_ignore_longer_ones() -> None:
    """vllm#7039."""
    found = judge(two_l4("0.6.4", 120000), Split(1, 2))
    assert found.memory is not None
    assert found.memory.tokens.high < 120000 < found.memory.blocks.low * 16
    assert found.verdict == PERHAPS
    assert "vLLM starts, and ignores requests that are longer" in found.reason
    assert settings_to_try(found)
    refused = judge(replace(two_l4("0.8.5", 120000), gpus=parse_gpus("1x2xT4-16G")), Split(1, 2))
    assert refused.verdict == DOES_NOT_FIT


def test_before_0_8_a_request_must_still_go_into_the_whole_cache() -> None:
    found = judge(replace(two_l4("0.7.3", 131072), weights=30 * GIB), Split(1, 2))
    assert found.verdict == DOES_NOT_FIT
    assert "max seq len (131072) is larger than" in found.reason


def test_a_way_that_bears_the_length_beats_one_that_ignores_it() -> None:
    found = plan_serving(two_l4("0.6.4", 120000)).best
    assert found is not None
    assert found.split == Split(2, 1)


@pytest.mark.parametrize(
    ("vllm", "told", "verdict"),
    [
        ("0.8.5", "", PERHAPS),
        ("0.8.5", "0", DOES_NOT_FIT),
        ("0.9.2", "", FITS),
        ("0.9.2", "0", DOES_NOT_FIT),
        ("0.11.0", "0", FITS),
    ],
)
def test_a_server_that_is_told_to_be_v0_has_shares(vllm: str, told: str, verdict: str) -> None:
    """cluster.env: VLLM_USE_V1. Over two machines ray runs the stages."""
    subject = replace(two_l4(vllm, 120000), gpus=parse_gpus("2x1xL4"))
    found = judge(replace(subject, serving=replace(subject.serving, told_v1=told)), Split(1, 2))
    assert found.verdict == verdict
    assert "ray" not in found.reason


def test_pipelines_of_0_8_in_one_machine_fall_back_to_v0_unless_ray_runs_them() -> None:
    found = judge(two_l4("0.8.5", 120000), Split(1, 2))
    assert found.verdict == PERHAPS
    assert "V0 where ray does not run" in found.reason
    assert judge(two_l4("0.8.5", 20000), Split(1, 2)).verdict == FITS
    assert judge(two_l4("0.9.0", 120000), Split(1, 2)).verdict == FITS


def test_v1_before_it_was_finished_is_not_computed() -> None:
    subject = two_l4("0.7.3", 8192)
    found = judge(replace(subject, serving=replace(subject.serving, told_v1="1")), Split(2, 1))
    assert (found.verdict, found.memory) == (PERHAPS, None)
    assert "VLLM_USE_V1" in found.reason


def test_sizes_that_are_not_all_gpus_are_refused() -> None:
    found = judge(a10_cluster(), Split(2, 1))
    assert found.refusals[0].name == "parallel-sizes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": 0}, "the size of its weights is not known"),
        ({"shape": shape_of(QWEN_14B, architectures=["DeepseekV3ForCausalLM"])}, "DeepseekV3ForCausalLM"),
        ({"serving": replace(served("0.10.2"), beyond="cpu-offload-gb")}, "--cpu-offload-gb changes"),
    ],
)
def test_what_is_not_known_is_said_and_not_guessed(changes: dict[str, object], words: str) -> None:
    found = judge(replace(a10_cluster(), **changes), Split(4, 1))  # type: ignore[arg-type]
    assert (found.verdict, found.memory) == (PERHAPS, None)
    assert words in found.reason


def test_experts_that_stay_whole_are_not_cut() -> None:
    quantization = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    shape = shape_of(QWEN_14B, num_experts=8, moe_intermediate_size=192, quantization_config=quantization)
    subject = replace(a10_cluster(), shape=shape)
    assert [refusal.name for refusal in judge(subject, Split(4, 1)).refusals] == ["quantized-split"]
    whole = replace(subject, serving=replace(subject.serving, keeps_experts_whole=True))
    assert judge(whole, Split(4, 1)).refusals == ()


def test_experts_that_nobody_knows_how_to_cut_fit_perhaps() -> None:
    shape = shape_of(QWEN_30B_A3B, quantization_config=GPTQ)
    old = replace(a10_cluster(), shape=shape, serving=served("0.6.4", 4096))
    found = judge(old, Split(4, 1))
    assert (found.verdict, found.refusals) == (PERHAPS, ())
    assert "768 / 4 = 192" in found.reason
    assert judge(replace(old, serving=served("0.10.2", 4096)), Split(4, 1)).verdict == FITS


def test_deepseek_v3_is_cut_over_two_machines() -> None:
    subject = Subject(shape_of(DEEPSEEK_V3), 0, parse_gpus("2x8xH200-141G"), served("0.10.2", 4096), has_rdma=True)
    assert judge(subject, Split(16, 1)).refusals == ()


@pytest.mark.parametrize(("vllm", "verdict"), [("0.8.5", DOES_NOT_FIT), ("0.11.2", DOES_NOT_FIT), ("0.12.0", FITS)])
def test_w4a16_on_a_t4(vllm: str, verdict: str) -> None:
    """vllm#25022 and vllm#14040; vllm#29732 made it run."""
    weights = {"num_bits": 4, "type": "int", "group_size": 128}
    quantization = {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"weights": weights, "input_activations": None}},
    }
    config = {**QWEN_32B, "torch_dtype": "float16", "quantization_config": quantization}
    subject = on_t4(vllm, "half", config)
    assert judge(subject, Split(2, 1)).verdict == verdict
    named = on_t4(vllm, "half", config, "compressed-tensors")
    assert judge(named, Split(2, 1)).verdict == verdict
    for advice in plan_serving(subject).advice:
        assert advice.what.startswith("compressed-tensors wna16 needs compute capability 8.0 in vLLM 0.")
        assert advice.fix == "take an image from v0.12.0 on, or another model"


def test_windows_are_said_and_not_computed() -> None:
    shape = replace(a10_cluster().shape, window=4096)
    found = judge(replace(a10_cluster(), shape=shape), Split(4, 1))
    assert (found.verdict, found.memory) == (PERHAPS, None)
    assert "a window of 4096 tokens" in found.reason


@pytest.mark.parametrize(("length", "narrows"), [(4096, False), (4096, True), (0, True)])
def test_requests_within_the_window_are_computed(length: int, *, narrows: bool) -> None:
    serving = replace(served("0.6.4", length), narrows=narrows)
    subject = Subject(shape_of(MISTRAL_7B), 14 * GIB, parse_gpus("1x1xA10-24G"), serving)
    found = judge(subject, Split(1, 1))
    assert found.memory is not None
    assert (found.verdict, found.memory.length) == (FITS, 4096)
    assert judge(replace(subject, weights=60 * GIB), Split(1, 1)).verdict == DOES_NOT_FIT


def test_without_windows_requests_are_no_longer_than_one() -> None:
    serving = replace(served("0.6.4", 8192), narrows=True)
    subject = Subject(shape_of(MISTRAL_7B), 14 * GIB, parse_gpus("1x1xA10-24G"), serving)
    assert judge(subject, Split(1, 1)).reason == (
        "max_model_len 8192 > 4096, the most that the model was made for with --disable-sliding-window"
    )


@pytest.mark.parametrize(("gpus", "verdict"), [("1x8xH100-80G", DOES_NOT_FIT), ("1x8xH200-141G", PERHAPS)])
def test_weights_alone_are_too_much_whatever_the_cache_is(gpus: str, verdict: str) -> None:
    plan = plan_serving(Subject(shape_of(DEEPSEEK_V3), 689 * GIB, parse_gpus(gpus), served("0.10.2", 4096)))
    assert {option.verdict for option in plan.options} == {verdict}
    assert (plan.best is None) == (verdict == DOES_NOT_FIT)
    if verdict == DOES_NOT_FIT:
        assert plan.options[0].reason.startswith("the weights alone, 689.0 GiB, are more than the ")


@pytest.mark.parametrize("beyond", ["cpu-offload-gb", "kv-cache-memory-bytes"])
def test_weights_that_need_not_lie_in_what_is_granted_refuse_nothing(beyond: str) -> None:
    serving = replace(served("0.10.2", 4096), beyond=beyond)
    subject = Subject(shape_of(DEEPSEEK_V3), 689 * GIB, parse_gpus("1x8xH100-80G"), serving)
    assert judge(subject, Split(8, 1)).verdict == PERHAPS


INT8 = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "config_groups": {
        "group_0": {"weights": {"num_bits": 8, "type": "int"}, "input_activations": {"num_bits": 8, "type": "int"}}
    },
}


@pytest.mark.parametrize(("gpus", "names"), [("1x1xH200-141G", []), ("1x1xB200", ["quantization-too-new-gpu"])])
def test_int8_has_no_kernel_from_blackwell_on(gpus: str, names: list[str]) -> None:
    shape = shape_of(LLAMA_8B, quantization_config=INT8)
    found = plan_serving(Subject(shape, 9 * GIB, parse_gpus(gpus), served("0.12.0", 4096))).advice
    assert [advice.name for advice in found] == names
    assert all("Int8 not supported on SM" in advice.what and "FP8" in advice.fix for advice in found)


def test_a_model_that_sees_fits_perhaps() -> None:
    """While vLLM measures, pictures take gigabytes that nothing here counts."""
    subject = replace(a10_cluster(), shape=replace(a10_cluster().shape, is_multimodal=True))
    assert judge(subject, Split(4, 1)).verdict == PERHAPS


def test_without_a_length_it_is_the_models_own() -> None:
    found = judge(t4_runbook(0, 0.95), Split(2, 1))
    assert found.memory is not None
    assert found.memory.length == 32768


def test_a_length_that_the_model_was_not_made_for_is_refused_unless_allowed() -> None:
    subject = replace(a10_cluster(), serving=replace(a10_cluster().serving, length=65536))
    assert judge(subject, Split(4, 1)).reason == "max_model_len 65536 > 32768, the most that the model was made for"
    allowed = replace(subject, serving=replace(subject.serving, may_exceed=True))
    assert judge(allowed, Split(4, 1)).verdict == FITS
    longest = judge(allowed, Split(4, 1)).longest
    assert longest is not None
    assert longest.low >= 65536


def test_how_long_requests_are_is_not_known_where_an_option_says_so_and_no_length_is_set() -> None:
    subject = replace(a10_cluster(), serving=replace(a10_cluster().serving, stretched="rope-scaling", length=0))
    found = judge(subject, Split(4, 1))
    assert (found.verdict, found.memory) == (PERHAPS, None)
    assert "--rope-scaling" in found.reason


def test_what_to_try_where_it_does_not_fit() -> None:
    subject = t4_runbook(32768, 0.90)
    (setting,) = settings_to_try(judge(subject, Split(2, 1)))
    name, _, value = setting.partition("=")
    assert name == "max_model_len"
    shorter = replace(subject, serving=replace(subject.serving, length=int(value)))
    assert judge(shorter, Split(2, 1)).verdict != DOES_NOT_FIT


def test_a_little_more_utilization_is_tried_first() -> None:
    subject = replace(a10_cluster(), serving=replace(a10_cluster().serving, utilization=0.45))
    found = settings_to_try(judge(subject, Split(4, 1)))
    assert found[0].startswith("gpu_memory_utilization=0.")
    more = float(found[0].partition("=")[2])
    fitting = replace(subject, serving=replace(subject.serving, utilization=more))
    assert judge(fitting, Split(4, 1)).verdict == FITS


def advised(subject: Subject) -> dict[str, bool]:
    return {advice.name: advice.is_refusal for advice in plan_serving(subject).advice}


def on_t4(vllm: str, dtype: str, config: dict[str, object], quantization: str = "") -> Subject:
    serving = replace(served(vllm, 4096), dtype=dtype, quantization=quantization)
    return Subject(shape_of(config), WEIGHTS_32B_GPTQ, parse_gpus("2x1xT4-16G"), serving)


@pytest.mark.parametrize(
    ("vllm", "dtype", "found"),
    [
        ("0.6.4", "", {"bfloat16-gpu": True}),
        ("0.6.4", "half", {}),
        ("0.9.2", "auto", {"bfloat16-gpu": False}),
        ("0.9.2", "bfloat16", {"bfloat16-gpu": True}),
    ],
)
def test_a_t4_has_no_bfloat16(vllm: str, dtype: str, found: dict[str, bool]) -> None:
    assert advised(on_t4(vllm, dtype, dict(QWEN_32B))) == found


def test_gptq_on_a_t4_answers_exclamation_marks_and_there_are_ways_out() -> None:
    (advice,) = plan_serving(on_t4("0.6.4", "half", QWEN_32B_GPTQ)).advice
    assert "!!!!" in advice.what
    assert "v0.14.1" in advice.fix
    assert "AWQ" in advice.fix


@pytest.mark.parametrize(("vllm", "found"), [("0.13.0", {"quantization-gpu": True}), ("0.14.1", {})])
def test_marlin_runs_on_a_t4_since_0_14_1(vllm: str, found: dict[str, bool]) -> None:
    assert advised(on_t4(vllm, "half", QWEN_32B_GPTQ, "gptq_marlin")) == found


def test_a_refused_kernel_is_a_refusal_of_every_way() -> None:
    found = plan_serving(on_t4("0.13.0", "half", QWEN_32B_GPTQ, "gptq_marlin"))
    assert found.best is None
    assert "gptq_marlin needs compute capability 8.0 in vLLM 0.13.0, and T4 has 7.5" in found.options[0].reason


def test_the_headline_says_it_all() -> None:
    subject = t4_runbook(4096, 0.95)
    text = headline(subject, judge(subject, Split(2, 1)))
    assert text.startswith(
        "Qwen2ForCausalLM in gptq at tp 2 x pp 1 on 2 x 1 x T4 (15.0 GiB) fits with requests of 4096"
    )


def test_weights_are_those_of_the_lock() -> None:
    twice = replace(a10_cluster(), weights=4 * WEIGHTS_14B)
    assert judge(twice, Split(4, 1)).verdict == DOES_NOT_FIT
