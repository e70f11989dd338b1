"""What `vllm serve` will be told, and what this release of it makes of that where it is told nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from installer.hardware.ranges import Range
from installer.hardware.releases import Release
from installer.index.gpus import Capability
from installer.index.serve_options import option_values
from installer.index.settings import ServeSettings

_V1_SINCE: Release = (0, 8, 0)
_V1_BELOW_AMPERE: Release = (0, 10, 0)  # older ones fall back to V0 there
_ALL_ROWS_UNTIL: Release = (0, 9, 0)  # releases of V1 that profiled 1024 sequences on GPUs of any size
_AMPERE: Capability = (8, 0)  # A100, which V1 takes for small
_LARGE, _LARGEST = 70 << 30, 160 << 30  # bytes of a GPU from which on V1 batches more
_HALF, _WHOLE = 2, 4  # bytes of a number
_MAY_EXCEED = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"
# Options by which vLLM takes other lengths than those of config.json, also with a key behind a dot.
_STRETCHING = frozenset(("rope-scaling", "hf-overrides", "config-format", "hf-config-path"))
_WHOLE_EXPERTS = "enable-expert-parallel"
_BEYOND = tuple(
    """
    cpu-offload-gb data-parallel-size enable-expert-parallel enable-lora kv-cache-memory kv-cache-memory-bytes
    num-gpu-blocks-override speculative-config speculative-model
    """.split()
)
_LEAST_BATCH = 2048  # tokens
_LONGEST_IN_ONE = 32768  # tokens; V0 cuts longer prompts in pieces


@dataclass(frozen=True)
class Serving:
    """``length`` is max_model_len, 0 where vLLM chooses. ``batched_tokens`` and ``sequences`` are 0 if not told.

    ``dtype`` and ``quantization`` are as told: "" and "auto" leave them to the model. ``may_exceed`` lets max_model_len
    be more than the model's own; ``stretched`` is an option that gives the model another length of its own. After the
    option ``beyond`` memory goes another way than is computed here.
    """

    vllm: Release
    length: int
    utilization: float
    dtype: str
    quantization: str
    kv_cache_dtype: str
    batched_tokens: int
    sequences: int
    is_eager: bool
    may_exceed: bool
    stretched: str
    keeps_experts_whole: bool
    beyond: str

    @property
    def weight_bytes(self) -> int:
        """Of one number that is not quantized, once it is on the GPU."""
        return _WHOLE if self.dtype in {"float", "float32"} else _HALF

    @property
    def kv_bytes(self) -> int:
        """Of one number in the cache."""
        return 1 if self.kv_cache_dtype.startswith(("fp8", "int8")) else self.weight_bytes


def serving_of(serve: ServeSettings, env: Mapping[str, str], vllm: Release) -> Serving:
    options = dict(option_values(serve.args))
    return Serving(
        vllm=vllm,
        length=serve.max_model_len or 0,
        utilization=float(serve.gpu_memory_utilization),
        dtype=options.get("dtype", ""),
        quantization=options.get("quantization", ""),
        kv_cache_dtype=options.get("kv-cache-dtype", ""),
        batched_tokens=_count(options.get("max-num-batched-tokens", "")),
        sequences=_count(options.get("max-num-seqs", "")),
        is_eager="enforce-eager" in options,
        may_exceed=may_exceed(serve.args, env),
        stretched=_stretched(serve.args),
        keeps_experts_whole=keeps_experts_whole(serve.args),
        beyond=next((option for option in _BEYOND if option in options), ""),
    )


def may_exceed(args: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether requests may be longer than config.json says that the model was made for."""
    return bool(_stretched(args)) or env.get(_MAY_EXCEED, "").strip().lower() in {"1", "true"}


def keeps_experts_whole(args: Sequence[str]) -> bool:
    """Whether each GPU has some of the experts instead of a part of each."""
    return any(option == _WHOLE_EXPERTS for option, _ in option_values(args))


def _stretched(args: Sequence[str]) -> str:
    names = (option.partition(".")[0] for option, _ in option_values(args))
    return next((name for name in names if name in _STRETCHING), "")


def has_rdma(env: Mapping[str, str]) -> bool:
    """Only if the cluster's variables say so: without RDMA, tensor parallel across machines is slow."""
    return env.get("NCCL_IB_DISABLE") == "0" or bool(env.get("NCCL_IB_HCA"))


def runs_v1(vllm: Release, capability: Capability) -> bool:
    return vllm >= (_V1_SINCE if capability >= _AMPERE else _V1_BELOW_AMPERE)


def profiled_tokens(serving: Serving, length: int, capability: Capability, memory: int) -> int:
    """In the batch by which vLLM measures what a forward pass takes; ``memory`` is one GPU's, in bytes."""
    if serving.batched_tokens:
        return serving.batched_tokens
    if not runs_v1(serving.vllm, capability):
        return length if _LEAST_BATCH < length <= _LONGEST_IN_ONE else _LEAST_BATCH
    if memory < _LARGE or capability == _AMPERE:
        return _LEAST_BATCH
    return 4 * _LEAST_BATCH if memory < _LARGEST else 8 * _LEAST_BATCH


def profiled_sequences(serving: Serving, capability: Capability, memory: int) -> Range:
    """For each of them the sampler is tried in the same batch."""
    if serving.sequences:
        return Range(serving.sequences, serving.sequences, serving.sequences)
    if not runs_v1(serving.vllm, capability):
        return Range(256, 256, 256)
    if memory >= _LARGE and capability != _AMPERE:
        return Range(1024, 1024, 1024)
    return Range(256, 256, 1024 if serving.vllm < _ALL_ROWS_UNTIL else 256)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
