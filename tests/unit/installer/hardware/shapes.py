"""Models as their own config.json has them, and servers for them."""

import json
from collections.abc import Mapping
from dataclasses import replace

from installer.hardware.gpu_sets import GIB
from installer.hardware.gpu_spellings import parse_gpus
from installer.hardware.model_shape import read_shape
from installer.hardware.releases import release
from installer.hardware.serve_plan import Subject
from installer.hardware.serving import Serving
from installer.index.model_shape import ModelShape

GPTQ: Mapping[str, object] = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}
QWEN_32B: Mapping[str, object] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "num_hidden_layers": 64,
    "hidden_size": 5120,
    "intermediate_size": 27648,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
QWEN_32B_GPTQ = {**QWEN_32B, "torch_dtype": "float16", "quantization_config": GPTQ}
QWEN_14B = {**QWEN_32B, "num_hidden_layers": 48, "intermediate_size": 13824}
QWEN_30B_A3B = {
    **QWEN_32B,
    "architectures": ["Qwen3MoeForCausalLM"],
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "use_sliding_window": False,
    "sliding_window": None,
    "max_position_embeddings": 40960,
}
FP8_IN_BLOCKS: Mapping[str, object] = {"quant_method": "fp8", "weight_block_size": [128, 128]}
DEEPSEEK_V3 = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "torch_dtype": "bfloat16",
    "quantization_config": FP8_IN_BLOCKS,
}
KIMI_K2 = {**DEEPSEEK_V3, "num_attention_heads": 64, "num_key_value_heads": 64, "n_routed_experts": 384}
LLAMA_8B = {
    **QWEN_32B,
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
}
MISTRAL_7B = {
    **LLAMA_8B,
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "vocab_size": 32000,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
}
WEIGHTS_32B_GPTQ = 19_340_000_000  # bytes, as the runbook lists them
WEIGHTS_14B = int(27.51 * GIB)


def shape_of(config: Mapping[str, object], **changes: object) -> ModelShape:
    found = read_shape(json.dumps({**config, **changes}).encode())
    assert found is not None
    return found


def served(vllm: str, length: int = 0, utilization: float = 0.90) -> Serving:
    version = release(vllm)
    assert version is not None
    return Serving(
        vllm=version,
        length=length,
        utilization=utilization,
        dtype="",
        quantization="",
        kv_cache_dtype="",
        batched_tokens=0,
        sequences=0,
        is_eager=False,
        may_exceed=False,
        stretched="",
        narrows=False,
        told_v1="",
        keeps_experts_whole=False,
        beyond="",
    )


def t4_runbook(length: int, utilization: float) -> Subject:
    """Two nodes with one T4 each, vLLM 0.6.4, Qwen2.5-32B-Instruct-GPTQ-Int4, --dtype half."""
    serving = replace(served("0.6.4", length, utilization), dtype="half")
    return Subject(shape_of(QWEN_32B_GPTQ), WEIGHTS_32B_GPTQ, parse_gpus("2x1xT4-16G"), serving)


def a10_cluster() -> Subject:
    serving = replace(served("0.10.2", 32768), dtype="bfloat16")
    return Subject(shape_of(QWEN_14B), WEIGHTS_14B, parse_gpus("4x1xA10-24G"), serving)
