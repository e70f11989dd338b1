"""A model is cut only where heads, groups and layers allow it; every refusal shows its sum."""

from collections.abc import Mapping

import pytest

from installer.hardware.parallel import Cutting, Split, doubt, liking, refusals, splits, world_refusal
from installer.hardware.releases import Release
from tests.unit.installer.hardware.shapes import (
    DEEPSEEK_V3,
    FP8_IN_BLOCKS,
    GPTQ,
    KIMI_K2,
    QWEN_30B_A3B,
    QWEN_32B,
    QWEN_32B_GPTQ,
    shape_of,
)

VLLM: Release = (0, 10, 2)


def names(config: Mapping[str, object], split: Split, kernel: str, vllm: Release | None = VLLM) -> list[str]:
    return [refusal.name for refusal in refusals(shape_of(config), split, Cutting(kernel, vllm))]


def test_a_size_that_does_not_divide_the_heads_is_refused_with_the_sum() -> None:
    found = refusals(shape_of(QWEN_32B), Split(3, 1), Cutting("", VLLM))
    assert found[0].what == ("40 % 3 = 1: tensor_parallel_size 3 does not divide the model's 40 attention heads")


@pytest.mark.parametrize(("tp", "kv_heads", "is_fine"), [(4, 8, True), (8, 8, True), (8, 4, True), (5, 8, False)])
def test_kv_heads_are_shared_out_or_repeated(tp: int, kv_heads: int, is_fine: bool) -> None:  # noqa: FBT001
    config = {**QWEN_32B, "num_key_value_heads": kv_heads}
    assert ("kv-heads" not in names(config, Split(tp, 1), "")) == is_fine


def test_the_sum_of_kv_heads() -> None:
    found = {refusal.name: refusal.what for refusal in refusals(shape_of(QWEN_32B), Split(5, 1), Cutting("", VLLM))}
    assert found["kv-heads"].startswith("8 % 5 = 3 and 5 % 8 = 5: ")
    assert found["vocabulary"].startswith("152064 % 5 = 4: ")


def test_more_stages_than_layers() -> None:
    assert names({**QWEN_32B, "num_hidden_layers": 3}, Split(1, 4), "") == ["pipeline-layers"]


@pytest.mark.parametrize(("tp", "is_fine"), [(1, True), (2, True), (4, True), (8, True)])
def test_marlin_cuts_27648_in_up_to_8(tp: int, is_fine: bool) -> None:  # noqa: FBT001
    assert (names(QWEN_32B_GPTQ, Split(tp, 1), "gptq_marlin") == []) == is_fine


def test_marlin_cannot_cut_27648_in_16() -> None:
    config = {**QWEN_32B_GPTQ, "num_attention_heads": 64, "hidden_size": 8192}
    (found,) = refusals(shape_of(config), Split(16, 1), Cutting("gptq_marlin", VLLM))
    assert (
        found.what
        == "intermediate_size 27648 / 16 = 1728 = 13.5 x 128: gptq_marlin needs a multiple of 128 on each GPU"
    )


def test_the_72b_that_was_published_again_with_padding() -> None:
    """29568 = 231 x 128; Qwen made it 29696 so that it splits in 8."""
    config = {**QWEN_32B_GPTQ, "num_attention_heads": 64, "hidden_size": 8192, "intermediate_size": 29568}
    assert names(config, Split(8, 1), "gptq") == ["quantized-split"]
    assert names({**config, "intermediate_size": 29696}, Split(8, 1), "gptq_marlin") == []


def test_one_group_for_all_of_a_column_binds_only_marlin() -> None:
    config = {**QWEN_32B_GPTQ, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": -1}}
    config |= {"intermediate_size": 2 * 13856}
    assert names(config, Split(2, 1), "gptq") == []
    assert names(config, Split(2, 1), "gptq_marlin") == ["quantized-split"]


def test_fp8_is_cut_between_its_blocks() -> None:
    """768 / 8 = 96: Qwen3-30B-A3B-FP8 at tp 8, of which vLLM says "not divisible by weight quantization block_n"."""
    config = {**QWEN_30B_A3B, "quantization_config": FP8_IN_BLOCKS}
    assert names(config, Split(2, 1), "fp8") == []
    assert names(config, Split(8, 1), "fp8") == ["quantized-split"]


@pytest.mark.parametrize("tp", [4, 8])
def test_fp8_of_compressed_tensors_is_cut_between_its_blocks(tp: int) -> None:
    weights = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    groups = {"group_0": {"weights": weights, "input_activations": None}}
    found = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": groups}
    config = {**QWEN_30B_A3B, "quantization_config": found}
    assert names(config, Split(tp, 1), "compressed-tensors fp8", (0, 10, 0)) == ["quantized-split"]


@pytest.mark.parametrize("config", [DEEPSEEK_V3, KIMI_K2])
@pytest.mark.parametrize(("tp", "found"), [(8, []), (16, []), (32, ["quantized-split"])])
def test_latent_attention_is_cut_by_its_own_widths(config: Mapping[str, object], tp: int, found: list[str]) -> None:
    """It runs at 16 (vllm#16692) and not at 32, where an expert has 2048 / 32 = 64 (vllm#12256)."""
    assert names(config, Split(tp, 1), "fp8") == found


@pytest.mark.parametrize(
    ("unrotated", "rotated", "value", "what"),
    [
        (112, 16, 16, "attention width 1024 / 16 = 64"),
        (128, 16, 128, "queries 9216 / 16 = 576"),
        (16, 16, 128, "keys and values 9216 / 16 = 576"),
    ],
)
def test_each_matrix_of_latent_attention_that_is_cut_must_fit(
    unrotated: int, rotated: int, value: int, what: str
) -> None:
    config = {**KIMI_K2, "qk_nope_head_dim": unrotated, "qk_rope_head_dim": rotated, "v_head_dim": value}
    (found,) = refusals(shape_of(config), Split(16, 1), Cutting("fp8", VLLM))
    assert found.what.startswith(what)


def test_experts_that_stay_whole_do_not_free_what_is_around_them() -> None:
    shape = shape_of({**QWEN_30B_A3B, "quantization_config": FP8_IN_BLOCKS})
    assert [found.name for found in refusals(shape, Split(4, 1), Cutting("fp8", VLLM))] == ["quantized-split"]
    assert not refusals(shape, Split(4, 1), Cutting("fp8", VLLM, keeps_experts_whole=True))
    narrow = shape_of({**QWEN_30B_A3B, "head_dim": 8, "quantization_config": FP8_IN_BLOCKS})
    assert refusals(narrow, Split(4, 1), Cutting("fp8", VLLM, keeps_experts_whole=True))


QWEN_30B_A3B_GPTQ = {**QWEN_30B_A3B, "quantization_config": GPTQ}
FINE, REFUSED, UNKNOWN = "fine", "refused", "unknown"


@pytest.mark.parametrize(
    ("kernel", "vllm", "tp", "wanted"),
    [
        ("gptq_marlin", (0, 9, 0), 2, FINE),
        ("gptq_marlin", (0, 9, 0), 4, FINE),
        ("awq_marlin", (0, 33, 0), 8, FINE),
        ("auto_gptq", (0, 33, 0), 4, FINE),
        ("gptq_marlin", (0, 33, 0), 16, REFUSED),
        ("gptq_marlin", (0, 8, 5), 2, FINE),
        ("gptq_marlin", (0, 8, 5), 4, REFUSED),
        ("awq_marlin", (0, 8, 5), 4, REFUSED),
        ("gptq_marlin", (0, 8, 4), 4, FINE),
        ("gptq_marlin", (0, 7, 3), 4, FINE),
        ("gptq_marlin", (0, 6, 4), 2, FINE),
        ("gptq_marlin", (0, 6, 4), 4, UNKNOWN),
        ("gptq_marlin", None, 4, UNKNOWN),
        ("moe_wna16", (0, 7, 3), 4, FINE),
        ("awq", (0, 9, 2), 4, FINE),
        ("awq", (0, 9, 0), 4, UNKNOWN),
        ("gptq", (0, 10, 2), 4, FINE),
        ("gptq", (0, 10, 0), 4, UNKNOWN),
        ("compressed-tensors wna16", (0, 33, 0), 4, REFUSED),
    ],
)
def test_groups_of_experts_are_halved_where_they_are_not_cut_else(
    kernel: str, vllm: Release | None, tp: int, wanted: str
) -> None:
    """768 / 4 = 192 = 6 x 32: "Falling back to Moe WNA16 kernels", which crashed in 0.8.5 (vllm#17608)."""
    shape, cutting = shape_of(QWEN_30B_A3B_GPTQ), Cutting(kernel, vllm)
    assert (refusals(shape, Split(tp, 1), cutting) != ()) == (wanted == REFUSED)
    assert (doubt(shape, Split(tp, 1), cutting) != "") == (wanted == UNKNOWN)


def test_few_experts_went_another_way_before_0_8_5() -> None:
    shape = shape_of({**QWEN_30B_A3B_GPTQ, "num_experts": 8})
    assert doubt(shape, Split(4, 1), Cutting("gptq_marlin", (0, 8, 4)))
    assert not doubt(shape, Split(4, 1), Cutting("gptq_marlin", (0, 9, 0)))


def test_a_doubt_says_its_sum() -> None:
    assert doubt(shape_of(QWEN_30B_A3B_GPTQ), Split(4, 1), Cutting("gptq_marlin", (0, 6, 4))) == (
        "intermediate_size of an expert 768 / 4 = 192 = 1.5 x 128: whether gptq_marlin of vLLM 0.6.4 can cut it so is "
        "not known"
    )


def test_what_is_not_quantized_in_groups_is_cut_anywhere() -> None:
    assert names({**QWEN_32B, "intermediate_size": 27650}, Split(2, 1), "fp8") == []


def test_the_product_is_the_number_of_gpus() -> None:
    assert world_refusal(Split(2, 2), 2, 2) is None
    found = world_refusal(Split(4, 1), 3, 1)
    assert found is not None
    assert found.what == "tensor_parallel_size 4 x pipeline_parallel_size 1 is 4, but cluster has 3 nodes x 1 GPUs = 3"


def test_all_ways_to_use_all_gpus() -> None:
    assert list(splits(6)) == [Split(1, 6), Split(2, 3), Split(3, 2), Split(6, 1)]


def best(world: int, per_node: int, *, has_rdma: bool) -> Split:
    return max(splits(world), key=lambda split: liking(split, per_node, has_rdma=has_rdma))


@pytest.mark.parametrize(
    ("nodes", "per_node", "wanted"),
    [(2, 4, Split(4, 2)), (2, 1, Split(1, 2)), (1, 8, Split(8, 1)), (2, 3, Split(3, 2))],
)
def test_tensors_stay_in_a_machine(nodes: int, per_node: int, wanted: Split) -> None:
    assert best(nodes * per_node, per_node, has_rdma=False) == wanted


def test_with_rdma_they_need_not() -> None:
    assert best(8, 4, has_rdma=True) == Split(8, 1)
