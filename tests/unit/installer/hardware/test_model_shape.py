"""config.json is read as hubs have it, and nothing is guessed of what it does not say."""

import pytest

from installer.hardware.model_shape import read_shape, unknown_cache
from installer.index.model_shape import ModelShape
from installer.index.strict import Place
from tests.unit.installer.hardware.shapes import (
    DEEPSEEK_V3,
    GPTQ,
    LLAMA_8B,
    MISTRAL_7B,
    QWEN_32B,
    QWEN_32B_GPTQ,
    shape_of,
)


def of_longest(shape: ModelShape) -> str:
    return unknown_cache(shape, shape.longest)


def test_a_dense_model() -> None:
    shape = shape_of(QWEN_32B_GPTQ)
    assert (shape.layers, shape.hidden, shape.intermediate, shape.heads) == (64, 5120, 27648, 40)
    assert (shape.kv_heads, shape.head_size, shape.vocabulary, shape.dtype) == (8, 128, 152064, "float16")
    assert (shape.quantization, shape.bits, shape.group_size) == ("gptq", 4, 128)
    assert (shape.max_positions, shape.longest, shape.is_tied, shape.is_multimodal) == (32768, 32768, False, False)
    assert of_longest(shape) == ""


def test_heads_have_a_size_of_their_own_where_the_model_says_so() -> None:
    assert shape_of(QWEN_32B, head_dim=64).head_size == 64


def test_values_are_as_wide_as_keys_where_the_model_does_not_say_otherwise() -> None:
    assert (shape_of(QWEN_32B).value_size, shape_of(QWEN_32B, head_dim=192, v_head_dim=64).value_size) == (128, 64)


def test_latent_attention() -> None:
    shape = shape_of(DEEPSEEK_V3)
    assert (shape.latent, shape.head_size, shape.unrotated, shape.value_size) == (512, 192, 128, 128)


def test_without_kv_heads_every_head_has_its_own() -> None:
    assert shape_of(QWEN_32B, num_key_value_heads=None).kv_heads == 40


def test_the_language_model_of_one_that_sees() -> None:
    shape = shape_of(
        {
            "architectures": ["Qwen2_5_VLForConditionalGeneration"],
            "model_type": "qwen2_5_vl",
            "vision_config": {"hidden_size": 1280, "num_hidden_layers": 32},
            "text_config": {**LLAMA_8B, "model_type": "inner"},
            "quantization_config": GPTQ,
        }
    )
    assert (shape.layers, shape.hidden, shape.model_type, shape.quantization) == (32, 4096, "qwen2_5_vl", "gptq")
    assert shape.architecture == "Qwen2_5_VLForConditionalGeneration"
    assert shape.is_multimodal


def test_experts() -> None:
    shape = shape_of(
        QWEN_32B,
        architectures=["Qwen3MoeForCausalLM"],
        num_experts=128,
        num_experts_per_tok=8,
        moe_intermediate_size=768,
    )
    assert (shape.experts, shape.experts_per_token, shape.expert_intermediate) == (128, 8, 768)


def test_what_compressed_tensors_says_of_weights() -> None:
    weights = {"num_bits": 4, "group_size": 64}
    found = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}
    shape = shape_of(QWEN_32B, quantization_config=found)
    assert (shape.quantization, shape.bits, shape.group_size) == ("compressed-tensors", 4, 64)


@pytest.mark.parametrize("structure", [[128, 128], "128x128"])
def test_fp8_in_blocks_of_compressed_tensors(structure: object) -> None:
    weights = {"num_bits": 8, "type": "float", "group_size": None, "strategy": "block", "block_structure": structure}
    found = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}
    assert shape_of(QWEN_32B, quantization_config=found).group_size == 128


@pytest.mark.parametrize("structure", [[], ["wide"], "wide", 7, None])
def test_a_block_that_is_none(structure: object) -> None:
    weights = {"num_bits": 8, "type": "float", "block_structure": structure}
    found = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}
    assert shape_of(QWEN_32B, quantization_config=found).group_size == 0


def test_quantization_under_its_older_name() -> None:
    weights = {"num_bits": 8, "type": "float"}
    groups = {"group_0": {"weights": weights, "input_activations": None}}
    found = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": groups}
    assert shape_of(QWEN_32B, compression_config=found).method == "compressed-tensors fp8"
    assert shape_of(QWEN_32B, compression_config=found, quantization_config=GPTQ).method == "gptq"


def test_experts_in_the_words_of_ernie() -> None:
    config = {"moe_num_experts": 64, "moe_k": 6, "moe_intermediate_size": 1536}
    shape = shape_of(QWEN_32B, architectures=["Ernie4_5_MoeForCausalLM"], **config)
    assert (shape.experts, shape.experts_per_token, shape.expert_intermediate) == (64, 6, 1536)


INPUTS = {"num_bits": 8, "type": "float", "dynamic": True, "strategy": "token"}


@pytest.mark.parametrize(
    ("form", "weights", "inputs", "scheme"),
    [
        ("pack-quantized", {"num_bits": 4, "type": "int", "group_size": 128}, None, "wna16"),
        ("pack-quantized", {"num_bits": 8, "type": "int"}, None, "wna16"),
        ("pack-quantized", {"num_bits": 4, "type": "float"}, None, ""),
        ("pack-quantized", {"num_bits": 4, "type": "int"}, INPUTS, ""),
        ("marlin-24", {"num_bits": 4, "type": "int"}, None, ""),
        ("float-quantized", {"num_bits": 8, "type": "float", "strategy": "channel"}, INPUTS, "fp8"),
        ("naive-quantized", {"num_bits": 8, "type": "float", "strategy": "tensor"}, None, "fp8"),
        ("int-quantized", {"num_bits": 8, "type": "int"}, {**INPUTS, "type": "int"}, "int8"),
        ("nvfp4-pack-quantized", {"num_bits": 4, "type": "float"}, None, "nvfp4"),
        ("of-tomorrow", {"num_bits": 4, "type": "int"}, None, ""),
    ],
)
def test_the_scheme_of_compressed_tensors(form: str, weights: object, inputs: object, scheme: str) -> None:
    group = {"weights": weights, "input_activations": inputs}
    for outer, inner in (({"format": form}, {}), ({"format": "mixed-precision"}, {"format": form}), ({}, {})):
        found = {"quant_method": "compressed-tensors", **outer, "config_groups": {"group_0": {**group, **inner}}}
        wanted = scheme if outer else ""
        assert shape_of(QWEN_32B, quantization_config=found).scheme == wanted


def test_only_compressed_tensors_has_schemes() -> None:
    found = {**GPTQ, "format": "pack-quantized", "config_groups": {"a": {"weights": {"num_bits": 4, "type": "int"}}}}
    assert shape_of(QWEN_32B, quantization_config=found).scheme == ""


@pytest.mark.parametrize(
    ("rope", "longest"),
    [
        (None, 32768),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131072),
        ({"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 16384}, 32768),
        ({"type": "linear", "factor": 2.5}, 81920),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}, 32768),
        ({"type": "longrope", "factor": 32.0}, 32768),
        ({"type": "linear", "factor": 1e300}, 32768),
        ({"type": "linear", "factor": "two"}, 32768),
    ],
)
def test_how_long_a_request_may_be(rope: object, longest: int) -> None:
    assert shape_of(QWEN_32B, rope_scaling=rope).longest == longest


@pytest.mark.parametrize(("model_type", "longest"), [("gemma3", 131072), ("gemma3_text", 131072), ("gemma2", 1048576)])
def test_gemma_3_is_as_long_as_it_says_whatever_its_scaling(model_type: str, longest: int) -> None:
    scaling = {"rope_type": "linear", "factor": 8.0}
    config = {**LLAMA_8B, "max_position_embeddings": 131072, "rope_scaling": scaling, "model_type": model_type}
    assert shape_of(config).longest == longest
    assert shape_of({"model_type": "outer", "text_config": config}).longest == longest


@pytest.mark.parametrize("architecture", ["DeepseekV3ForCausalLM", "Gemma3ForCausalLM", "JambaForCausalLM", "Mine"])
def test_an_architecture_whose_cache_is_another_is_said_to_be_unknown(architecture: str) -> None:
    """Latent attention, sliding windows and state spaces keep other things than the formula counts."""
    assert architecture in of_longest(shape_of(QWEN_32B, architectures=[architecture]))


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"sliding_window": 4096}, 4096),
        ({"sliding_window": None}, 0),
        ({"sliding_window": 4096, "use_sliding_window": False}, 0),
        ({"sliding_window": 4096, "use_sliding_window": True}, 4096),
        ({"sliding_window": [4096, None, 2048]}, 2048),
        ({"sliding_window": [None]}, 0),
        ({"interleaved_sliding_window": 1024}, 1024),
        ({"sliding_window": "wide"}, 0),
    ],
)
def test_how_far_a_layer_looks_back(config: dict[str, object], window: int) -> None:
    assert shape_of(LLAMA_8B, **config).window == window


def test_a_cache_of_windows_is_said_to_be_unknown() -> None:
    """Mistral-7B-v0.1, Phi-3-mini-4k, starcoder2. A window as long as the longest request is none: Phi-3-mini-128k."""
    assert "a window of 4096 tokens" in of_longest(shape_of(LLAMA_8B, sliding_window=4096))
    assert of_longest(shape_of(LLAMA_8B, sliding_window=8192)) == ""


def test_within_a_window_the_cache_is_known() -> None:
    shape = shape_of(MISTRAL_7B)
    assert unknown_cache(shape, 4096) == ""
    assert "a window of 4096 tokens" in unknown_cache(shape, 4097)


def test_what_config_json_does_not_say_is_named() -> None:
    assert of_longest(shape_of(QWEN_32B, num_hidden_layers=None)) == "config.json does not say: layers"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_has_no_shape(data: bytes) -> None:
    assert read_shape(data) is None


def test_nonsense_is_taken_for_nothing() -> None:
    shape = shape_of(
        {
            "architectures": "x",
            "num_hidden_layers": -1,
            "hidden_size": True,
            "vocab_size": 10**30,
            "torch_dtype": "a\nb",
            "quantization_config": [],
            "rope_scaling": 3,
        }
    )
    assert not any(value for name, value in vars(shape).items())


@pytest.mark.parametrize("config", [QWEN_32B_GPTQ, {**LLAMA_8B, "sliding_window": 9}, DEEPSEEK_V3, {}])
def test_the_index_keeps_all_of_it(config: dict[str, object]) -> None:
    shape = shape_of(config)
    assert ModelShape.read(Place.of(shape.document(), "model.shape")) == shape
