"""The sums of memory against what vLLM said of itself in the runbook and in other people's logs."""

from dataclasses import replace

import pytest

from installer.hardware.gpu_sets import GIB, MIB, GpuSet
from installer.hardware.gpu_spellings import parse_gpus
from installer.hardware.memory import Load, least_utilization, longest_that_fits, memory_of
from installer.hardware.parallel import Split
from tests.unit.installer.hardware.shapes import (
    LLAMA_8B,
    QWEN_14B,
    QWEN_32B,
    QWEN_32B_GPTQ,
    WEIGHTS_14B,
    WEIGHTS_32B_GPTQ,
    served,
    shape_of,
    t4_runbook,
)

QWEN_1_5B = {
    **QWEN_32B,
    "num_hidden_layers": 28,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
QWEN_0_5B = {**QWEN_1_5B, "hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14}
QWEN_7B = {
    **QWEN_1_5B,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "vocab_size": 152064,
}
QWEN3_8B = {
    **LLAMA_8B,
    "architectures": ["Qwen3ForCausalLM"],
    "num_hidden_layers": 36,
    "intermediate_size": 12288,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


def runbook(length: int, utilization: float) -> Load:
    at = t4_runbook(length, utilization)
    return Load(at.shape, at.weights, at.gpus, Split(2, 1), at.serving, at.kernel)


def test_a_block_of_the_runbook_is_2_mib() -> None:
    assert runbook(4096, 0.95).token_bytes * 16 == 2 * MIB


def test_weights_of_the_runbook() -> None:
    assert memory_of(runbook(4096, 0.95), 4096).weights.likely / MIB == pytest.approx(9221, abs=2)


def test_095_with_4096_has_1548_blocks() -> None:
    found = memory_of(runbook(4096, 0.95), 4096).blocks
    assert found.likely == pytest.approx(1548, rel=0.02)
    assert found.low < 1548 < found.high


def test_095_with_32768_has_271_blocks() -> None:
    """Few are left of much: 2 % of the GPU's memory is 150 blocks."""
    found = memory_of(runbook(32768, 0.95), 32768).blocks
    assert found.low < 271 < found.high
    assert abs(found.likely - 271) * 2 * MIB < 0.005 * 15360 * MIB


def test_090_with_32768_has_none() -> None:
    assert memory_of(runbook(32768, 0.90), 32768).blocks.likely <= 0


@pytest.mark.parametrize(
    ("config", "vllm", "length", "tp", "measured"),
    [
        (LLAMA_8B, "0.6.5", 8192, 1, 1.26),
        (LLAMA_8B, "0.6.5", 8192, 2, 1.26),
        (QWEN_0_5B, "0.6.6", 32768, 1, 1.44),
        (QWEN_1_5B, "0.7.3", 32768, 1, 2.02),
        (QWEN_1_5B, "0.7.3", 4096, 1, 1.40),
        (QWEN_7B, "0.7.3", 2048, 1, 1.40),
        (QWEN3_8B, "0.8.5", 8192, 4, 1.45),
    ],
)
def test_the_activation_that_v0_itself_measured(
    config: dict[str, object], vllm: str, length: int, tp: int, measured: float
) -> None:
    """GiB, of "PyTorch activation peak memory takes" in logs on GitHub; vllm#10511 has the first two."""
    gpus = GpuSet(1, tp, "T4", (7, 5), 16 * GIB)  # V0, also in 0.8.5
    load = Load(shape_of(config), GIB, gpus, Split(tp, 1), served(vllm, length), "")
    found = memory_of(load, length).activation
    assert found.likely / GIB == pytest.approx(measured, rel=0.09)
    assert found.low / GIB < measured < found.high / GIB


@pytest.mark.parametrize(
    ("config", "weights", "gpus", "vllm", "tokens"),
    [
        (LLAMA_8B, 14.96, "1x1xH100-94G", "0.10.2", 543440),
        (QWEN3_8B, 15.27, "1x1xH100-94G", "0.10.2", 478560),
        (LLAMA_8B, 14.96, "1x1xL40S-48G", "0.8.5", 158656),
    ],
)
def test_the_tokens_that_v1_had(config: dict[str, object], weights: float, gpus: str, vllm: str, tokens: int) -> None:
    """vllm#17122 has the last; the first two are what a benchmark keeps for H100 NVL with 1024 sequences."""
    load = Load(shape_of(config), int(weights * GIB), parse_gpus(gpus), Split(1, 1), served(vllm), "")
    found = memory_of(load, 8192).tokens
    assert found.low < tokens < found.high


def test_pipeline_stages_hold_their_layers_and_one_matrix_of_words() -> None:
    gpus = parse_gpus("4x1xA10")
    load = Load(shape_of(QWEN_14B), WEIGHTS_14B, gpus, Split(1, 4), served("0.10.2"), "")
    words = 152064 * 5120 * 2
    assert memory_of(load, 4096).weights.likely == (WEIGHTS_14B - 2 * words) * 12 // 48 + words
    assert load.token_bytes == 2 * 12 * 8 * 128 * 2


@pytest.mark.parametrize(("vllm", "shares"), [("0.6.4", 3), ("0.7.3", 3), ("0.9.2", 3), ("0.10.2", 1)])
def test_a_request_of_v0_has_its_stages_share_of_the_cache_and_no_more(vllm: str, shares: int) -> None:
    """As cache_engine.py and scheduler.py divide it from 0.6.0 on; vllm#7039 has it from a server."""
    gpus = parse_gpus("3x1xT4-16G")
    load = Load(shape_of(QWEN_32B_GPTQ), WEIGHTS_32B_GPTQ, gpus, Split(1, 3), served(vllm, 4096, 0.95), "")
    found = memory_of(load, 4096)
    assert found.blocks.low > 3
    assert found.tokens == found.blocks.map(lambda blocks: blocks // shares * 16)


def test_a_gpu_keeps_one_kv_head_at_least() -> None:
    load = replace(runbook(4096, 0.9), split=Split(40, 1))
    assert load.kv_heads == 1


def test_a_cache_of_8_bits_holds_twice_as_much() -> None:
    load = runbook(4096, 0.9)
    half = replace(load, serving=replace(load.serving, kv_cache_dtype="fp8_e4m3"))
    assert half.token_bytes * 2 == load.token_bytes


def test_float32_files_are_served_in_half() -> None:
    load = Load(
        shape_of(QWEN_14B, torch_dtype="float32"),
        2 * WEIGHTS_14B,
        parse_gpus("4x1xA10"),
        Split(4, 1),
        served("0.10.2"),
        "",
    )
    assert memory_of(load, 4096).weights.likely == pytest.approx(WEIGHTS_14B / 4, rel=0.001)


def test_weights_that_are_quantized_on_the_way_are_known_badly() -> None:
    serving = replace(served("0.10.2"), quantization="fp8")
    load = Load(shape_of(QWEN_14B), WEIGHTS_14B, parse_gpus("4x1xA10"), Split(4, 1), serving, "fp8")
    found = memory_of(load, 4096).weights
    assert found.low < found.likely == WEIGHTS_14B // 2 // 4 < WEIGHTS_14B // 4 < found.high


def test_experts_take_the_room_of_those_that_a_token_visits() -> None:
    shape = shape_of(QWEN_14B, num_experts=64, num_experts_per_tok=8, moe_intermediate_size=13824)
    dense = Load(shape_of(QWEN_14B), WEIGHTS_14B, parse_gpus("4x1xA10"), Split(4, 1), served("0.10.2"), "")
    serving = replace(dense.serving, batched_tokens=16384)
    dense = replace(dense, serving=serving)
    assert memory_of(replace(dense, shape=shape), 4096).activation.likely > 5 * memory_of(dense, 4096).activation.likely


def test_newer_releases_take_cuda_graphs_off_the_cache() -> None:
    load = Load(shape_of(QWEN_14B), WEIGHTS_14B, parse_gpus("4x1xA10"), Split(4, 1), served("0.20.0"), "")
    newer = replace(load, serving=served("0.21.0"))
    eager = replace(load, serving=replace(served("0.21.0"), is_eager=True))
    assert memory_of(newer, 4096).cache.likely < memory_of(load, 4096).cache.likely
    assert memory_of(eager, 4096).cache == memory_of(load, 4096).cache


@pytest.mark.parametrize("split", [Split(2, 1), Split(1, 3)], ids=lambda split: split.text)
def test_the_longest_request_is_one_that_fits_and_the_next_does_not(split: Split) -> None:
    load = replace(runbook(32768, 0.95), split=split)
    found = longest_that_fits(load)
    assert memory_of(load, found.likely).tokens.likely >= found.likely
    assert memory_of(load, found.likely + 16).tokens.likely < found.likely + 16
    assert 4096 < found.low < found.high <= 32768


@pytest.mark.parametrize("split", [Split(2, 1), Split(1, 3)], ids=lambda split: split.text)
def test_the_least_utilization_is_enough_and_a_hundredth_less_is_not(split: Split) -> None:
    load = replace(runbook(4096, 0.5), split=split)
    share = least_utilization(load, 4096).likely
    at = [replace(load, serving=replace(load.serving, utilization=each / 100)) for each in (share, share - 1)]
    assert memory_of(at[0], 4096).tokens.likely >= 4096 > memory_of(at[1], 4096).tokens.likely


def test_what_fits_nowhere_needs_more_than_all() -> None:
    load = replace(runbook(32768, 0.9), weights=40 * GIB)
    assert longest_that_fits(load).high == 0
    assert least_utilization(load, 32768).low > 100


@pytest.mark.parametrize("mebibytes", [512, 400, 300, 100])
def test_a_gpu_with_less_memory_than_its_driver_takes_holds_nothing(mebibytes: int) -> None:
    load = runbook(4096, 0.95)
    tiny = replace(load, gpus=replace(load.gpus, total=mebibytes * MIB))
    assert memory_of(tiny, 4096).tokens.high == 0
    assert least_utilization(tiny, 4096).low > 100
