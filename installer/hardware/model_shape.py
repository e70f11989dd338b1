"""config.json, as hubs have it, to the shape of a model."""

import json
import re
from collections.abc import Mapping

from installer.index.model_shape import ModelShape

LONGEST_CONFIG = 4 << 20  # bytes
_Config = Mapping[str, object]
_MOST = 2**40
_MOST_STRETCHED = 1024  # times
_FLOAT8_FORMATS = frozenset(("float-quantized", "naive-quantized"))
# Where models that also see or hear keep the language model's numbers.
_INNER = ("text_config", "llm_config", "language_config")
_SENSES = ("vision_config", "audio_config", "vision_tower", "mm_vision_tower", "visual")
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "n_ctx")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
# Scalings after which max_position_embeddings is already the whole length.
_NO_LONGER = frozenset({"", "default", "mrope", "llama3", "longrope", "su"})
_NEVER_LONGER = "gemma3"  # in the name of a kind of model: vLLM leaves its scaling out of the sum
# Decoders whose layers all keep keys and values of every token, as the cache's formula has it; some have windows.
_PLAIN = frozenset(
    """
    AquilaForCausalLM AquilaModel Ernie4_5ForCausalLM GemmaForCausalLM Glm4ForCausalLM GlmForCausalLM
    GraniteForCausalLM InternLM2ForCausalLM InternLM3ForCausalLM LlamaForCausalLM MistralForCausalLM Olmo2ForCausalLM
    OlmoForCausalLM Phi3ForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM SeedOssForCausalLM StableLmForCausalLM
    Starcoder2ForCausalLM YiForCausalLM
    Ernie4_5_MoeForCausalLM Glm4MoeForCausalLM GraniteMoeForCausalLM MixtralForCausalLM OlmoeForCausalLM
    Qwen2MoeForCausalLM Qwen3MoeForCausalLM
    LlavaForConditionalGeneration LlavaNextForConditionalGeneration Mistral3ForConditionalGeneration
    Qwen2VLForConditionalGeneration Qwen2_5_VLForConditionalGeneration Qwen3VLForConditionalGeneration
    Qwen3VLMoeForConditionalGeneration InternVLChatModel
    """.split()
)


def read_shape(data: bytes) -> ModelShape | None:
    """None for what is no JSON object: the model's own rules say so."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return _shape(document) if isinstance(document, dict) else None


def unknown_cache(shape: ModelShape, length: int) -> str:
    """Why nobody can say what its cache takes with requests of ``length`` tokens; "" where the sum holds."""
    if shape.architecture not in _PLAIN:
        return f"the architecture {shape.architecture or 'is not named, which'} is not one whose cache is known here"
    needed = ("layers", "hidden", "intermediate", "heads", "kv_heads", "head_size", "vocabulary", "longest")
    lacking = [name for name in needed if not getattr(shape, name)]
    if lacking:
        return f"config.json does not say: {', '.join(lacking)}"
    return _windows(shape, length)


def longest_without_windows(shape: ModelShape) -> int:
    """What vLLM makes of the longest request where it switches off the windows that all layers have."""
    return min(shape.longest, shape.window) if shape.window and shape.architecture in _PLAIN else shape.longest


def _windows(shape: ModelShape, length: int) -> str:
    """V0 wants room for all tokens of a request, V1 since 0.8.3 for the window and one batch; a batch is not known."""
    if 0 < shape.window < length:
        return f"its layers look back over a window of {shape.window} tokens, and what those keep differs"
    return ""


def _shape(document: _Config) -> ModelShape:
    inner = next((found for key in _INNER if isinstance(found := document.get(key), dict)), None)
    text = {**document, **inner} if inner else document
    quantization = _quantization(text)
    heads, hidden = _number(text, "num_attention_heads"), _number(text, "hidden_size")
    head_size = _head_size(text) or (hidden // heads if heads else 0)
    rope = _inside(text, "rope_scaling") or _inside(text, "rope_parameters")
    max_positions = min((length for key in _LENGTHS if (length := _number(text, key))), default=0)
    architectures = document.get("architectures")
    return ModelShape(
        architecture=_clean(architectures[0]) if isinstance(architectures, list) and architectures else "",
        model_type=_word(document, "model_type"),
        layers=_number(text, "num_hidden_layers"),
        hidden=hidden,
        intermediate=_number(text, "intermediate_size"),
        heads=heads,
        kv_heads=_number(text, "num_key_value_heads") or heads,
        head_size=head_size,
        vocabulary=_number(text, "vocab_size"),
        dtype=(_word(text, "torch_dtype") or _word(text, "dtype")).removeprefix("torch."),
        quantization=_word(quantization, "quant_method").lower(),
        bits=_bits(quantization),
        group_size=_number(quantization, "group_size") or _block(quantization),
        max_positions=max_positions,
        longest=max_positions if _NEVER_LONGER in _word(text, "model_type") else _longest(max_positions, rope),
        rope=_kind(rope),
        is_tied=text.get("tie_word_embeddings") is True,
        is_multimodal=inner is not None or any(document.get(key) for key in _SENSES),
        experts=(experts := _first(text, *_EXPERTS)),
        experts_per_token=_first(text, "num_experts_per_tok", "moe_k"),
        expert_intermediate=_first(text, "moe_intermediate_size", "intermediate_size") if experts else 0,
        value_size=_number(text, "v_head_dim") or head_size,
        latent=_number(text, "kv_lora_rank"),
        unrotated=_number(text, "qk_nope_head_dim"),
        scheme=_scheme(_quantization_config(text)),
        window=_window(text),
    )


def _head_size(text: _Config) -> int:
    """Of queries and keys; with latent attention both have a part that knows its position beside one that does not."""
    rotated = _number(text, "qk_rope_head_dim") if _number(text, "kv_lora_rank") else 0
    return _number(text, "qk_nope_head_dim") + rotated if rotated else _number(text, "head_dim")


def _window(text: _Config) -> int:
    """The narrowest. Qwen's names one that it does not use."""
    if text.get("use_sliding_window") is False:
        return 0
    found = text.get("sliding_window") or text.get("interleaved_sliding_window")
    widths = found if isinstance(found, list) else [found]
    return min((width for each in widths if (width := _number({"": each}, ""))), default=0)


def _quantization(text: _Config) -> _Config:
    """Of compressed-tensors, with what its first group says of weights."""
    found = _quantization_config(text)
    return {**_inside(_first_group(found), "weights"), **found}


def _quantization_config(text: _Config) -> _Config:
    """Older files of compressed-tensors have it under a name of their own."""
    return _inside(text, "quantization_config") or _inside(text, "compression_config")


def _first_group(quantization: _Config) -> _Config:
    groups = _inside(quantization, "config_groups")
    return next((group for group in groups.values() if isinstance(group, dict)), {})


def _scheme(quantization: _Config) -> str:
    """Which of its ways to compute vLLM takes for compressed-tensors; "" for all that are not told apart here."""
    group = _first_group(quantization)
    if _word(quantization, "quant_method").lower() != "compressed-tensors":
        return ""
    form = _word(group, "format") or _word(quantization, "format")
    weights, inputs = _inside(group, "weights"), _inside(group, "input_activations")
    match _word(weights, "type"), _bits(weights), bool(inputs):
        case "int", 4 | 8, False if form == "pack-quantized":
            return "wna16"
        case "int", 8, True if form == "int-quantized":
            return "int8"
        case "float", 8, _ if form in _FLOAT8_FORMATS:
            return "fp8"
        case "float", 4, _ if form == "nvfp4-pack-quantized":
            return "nvfp4"
    return ""


def _bits(quantization: _Config) -> int:
    return _first(quantization, "bits", "num_bits", "w_bit")


def _block(quantization: _Config) -> int:
    """Of fp8 in blocks, which are as wide as high: [128, 128], or 128x128 in files of compressed-tensors."""
    found = quantization.get("weight_block_size") or quantization.get("block_structure")
    if isinstance(found, str) and (written := re.fullmatch(r"([0-9]{1,6})x[0-9]{1,6}", found)):
        found = [int(written[1])]
    return _number({"": found[0]}, "") if isinstance(found, list) and found else 0


def _longest(max_positions: int, rope: _Config) -> int:
    """As vLLM derives max_model_len."""
    if _kind(rope) in _NO_LONGER:
        return max_positions
    factor = rope.get("factor")
    if not isinstance(factor, int | float) or not 1 <= factor <= _MOST_STRETCHED:
        return max_positions
    before = _number(rope, "original_max_position_embeddings") if _kind(rope) == "yarn" else 0
    return int((before or max_positions) * factor)


def _kind(rope: _Config) -> str:
    return _word(rope, "rope_type") or _word(rope, "type")


def _inside(document: _Config, key: str) -> _Config:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _first(document: _Config, *keys: str) -> int:
    return next((number for key in keys if (number := _number(document, key))), 0)


def _number(document: _Config, key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 < value <= _MOST else 0


def _word(document: _Config, key: str) -> str:
    return _clean(document.get(key))


def _clean(value: object) -> str:
    """A name; whatever else stands there is none."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,99}", value) else ""
