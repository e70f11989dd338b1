"""A model is cut only where heads, groups and layers allow it; every refusal shows its sum."""

import pytest

from installer.hardware.parallel import Split, liking, refusals, splits, world_refusal
from tests.unit.installer.hardware.shapes import QWEN_32B, QWEN_32B_GPTQ, shape_of


def names(config: dict[str, object], split: Split, kernel: str) -> list[str]:
    return [refusal.name for refusal in refusals(shape_of(config), split, kernel)]


def test_a_size_that_does_not_divide_the_heads_is_refused_with_the_sum() -> None:
    found = refusals(shape_of(QWEN_32B), Split(3, 1), "")
    assert found[0].what == ("40 % 3 = 1: tensor_parallel_size 3 does not divide the model's 40 attention heads")


@pytest.mark.parametrize(("tp", "kv_heads", "is_fine"), [(4, 8, True), (8, 8, True), (8, 4, True), (5, 8, False)])
def test_kv_heads_are_shared_out_or_repeated(tp: int, kv_heads: int, is_fine: bool) -> None:  # noqa: FBT001
    config = {**QWEN_32B, "num_key_value_heads": kv_heads}
    assert ("kv-heads" not in names(config, Split(tp, 1), "")) == is_fine


def test_the_sum_of_kv_heads() -> None:
    found = {refusal.name: refusal.what for refusal in refusals(shape_of(QWEN_32B), Split(5, 1), "")}
    assert found["kv-heads"].startswith("8 % 5 = 3 and 5 % 8 = 5: ")
    assert found["vocabulary"].startswith("152064 % 5 = 4: ")


def test_more_stages_than_layers() -> None:
    assert names({**QWEN_32B, "num_hidden_layers": 3}, Split(1, 4), "") == ["pipeline-layers"]


@pytest.mark.parametrize(("tp", "is_fine"), [(1, True), (2, True), (4, True), (8, True)])
def test_marlin_cuts_27648_in_up_to_8(tp: int, is_fine: bool) -> None:  # noqa: FBT001
    assert (names(QWEN_32B_GPTQ, Split(tp, 1), "gptq_marlin") == []) == is_fine


def test_marlin_cannot_cut_27648_in_16() -> None:
    config = {**QWEN_32B_GPTQ, "num_attention_heads": 64, "hidden_size": 8192}
    (found,) = refusals(shape_of(config), Split(16, 1), "gptq_marlin")
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
    quantization = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    config = {**QWEN_32B, "num_experts": 128, "moe_intermediate_size": 768, "quantization_config": quantization}
    config |= {"num_attention_heads": 32, "head_dim": 128}
    assert names(config, Split(2, 1), "fp8") == []
    assert names(config, Split(8, 1), "fp8") == ["quantized-split"]


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
