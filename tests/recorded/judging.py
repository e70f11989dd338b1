"""Which images run on some GPUs, and which models fit there: by the product's own judgement, as plain values."""

import json
from pathlib import Path

from installer.facts.gpus import GpuFacts
from installer.hardware.gpus import brands_of
from installer.hardware.model_shape import read_shape
from installer.hardware.node_verdict import judge_on_node
from installer.hardware.requirements import Demands, Offer, judge
from installer.index.settings import ClusterSettings, ServeSettings

REQUIREMENTS = Path(__file__).parent / "require"
GIB = 1 << 30
VLLM = (0, 33, 0)
# config.json of three models, what their safetensors take together, and the longest request wanted.
_QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "torch_dtype": "bfloat16", "vocab_size": 152064}
MODELS = {
    "Qwen2.5-32B": (
        {
            **_QWEN,
            "num_hidden_layers": 64,
            "hidden_size": 5120,
            "intermediate_size": 27648,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "max_position_embeddings": 32768,
        },
        61 * GIB,
        32768,
    ),
    "Qwen2.5-72B": (
        {
            **_QWEN,
            "num_hidden_layers": 80,
            "hidden_size": 8192,
            "intermediate_size": 29568,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "max_position_embeddings": 32768,
        },
        135 * GIB,
        32768,
    ),
}


def verdicts(gpus: GpuFacts) -> dict[str, dict[str, str]]:
    """By CUDA of the image, and by model on all GPUs of the host with tensor parallelism."""
    return {
        "images": {path.stem: _runs(gpus, path) for path in sorted(REQUIREMENTS.glob("*.txt"))},
        "models": {name: _fits(gpus, name) for name in MODELS},
    }


def _runs(gpus: GpuFacts, path: Path) -> str:
    first = gpus.smi[0]
    demands = Demands({"NVIDIA_REQUIRE_CUDA": path.read_text().strip()}, cuda=path.stem)
    offer = Offer(driver=first.driver, brands=brands_of(first.name, gpus.brand), capability=first.capability)
    found = judge(demands, offer)
    return f"{found.kind}: {found.reason}"


def _fits(gpus: GpuFacts, name: str) -> str:
    config, weights, length = MODELS[name]
    shape = read_shape(json.dumps(config).encode())
    if shape is None:
        raise ValueError(name)
    cluster = ClusterSettings(
        nodes=1, gpus_per_node=len(gpus.smi), backend="mp", port=6379, env={}, shm_size="10g", gpu=""
    )
    serve = ServeSettings(
        name=name,
        tensor_parallel_size=len(gpus.smi),
        pipeline_parallel_size=1,
        max_model_len=length,
        gpu_memory_utilization="0.90",
        port=8000,
        args=(),
        allow=(),
    )
    found = judge_on_node(shape, weights, gpus.smi, cluster, serve, VLLM)
    return "" if found is None else f"{found.verdict}: {found.what}"
