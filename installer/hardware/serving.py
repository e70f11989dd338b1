"""What `vllm serve` will be told, and what this release of it makes of that where it is told nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from installer.hardware.ranges import Range
from installer.hardware.releases import Release
from installer.index.gpus import Capability
from installer.index.serve_options import option_values
from installer.index.settings import ServeSettings

_V1_SINCE: Release = (0, 8, 0)
_V1_BELOW_AMPERE: Release = (0, 10, 0)  # older ones fall back to V0 there
_V1_ALONE_SINCE: Release = (0, 11, 0)  # older ones still have V0 and ask this variable which of them to take
_ENGINE = "VLLM_USE_V1"
_V1_PIPELINES_WITHOUT_RAY_SINCE: Release = (0, 9, 0)  # V1 of 0.8 leaves them to V0 (arg_utils.py; vllm#16057)
_ALL_ROWS_UNTIL: Release = (0, 9, 0)  # releases of V1 that profiled 1024 sequences on GPUs of any size
_AMPERE: Capability = (8, 0)  # A100, which V1 takes for small
_LARGE, _LARGEST = 70 << 30, 160 << 30  # bytes of a GPU from which on V1 batches more
_HALF, _WHOLE = 2, 4  # bytes of a number
_MAY_EXCEED = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"
_NARROWING = "disable-sliding-window"
# Options by which vLLM takes other lengths than those of config.json, also with a key behind a dot.
_STRETCHING = frozenset(("rope-scaling", "hf-config-path"))
_OTHER_FORMAT = ("config-format", "mistral")  # params.json
_OVERRIDES = "hf-overrides"
_LENGTH_KEYS = frozenset(
    """
    max_model_len max_position_embeddings max_seq_len max_sequence_length model_max_length n_ctx n_positions
    original_max_position_embeddings rope_parameters rope_scaling seq_length
    """.split()
)
_WHOLE_EXPERTS = "enable-expert-parallel"
# With these the weights need not lie in what gpu_memory_utilization grants to the GPUs of a split.
_FREEING = (
    "cpu-offload-gb",
    "data-parallel-size",
    "kv-cache-memory",
    "kv-cache-memory-bytes",
    "num-gpu-blocks-override",
)
_BEYOND = (*_FREEING, "enable-expert-parallel", "enable-lora", "speculative-config", "speculative-model")
_LEAST_BATCH = 2048  # tokens
_LONGEST_IN_ONE = 32768  # tokens; V0 cuts longer prompts in pieces


@dataclass(frozen=True)
class Serving:
    """``length`` is max_model_len, 0 where vLLM chooses. ``batched_tokens`` and ``sequences`` are 0 if not told.

    ``dtype`` and ``quantization`` are as told: "" and "auto" leave them to the model. ``may_exceed`` lets max_model_len
    be more than the model's own; ``stretched`` is an option that gives the model another length of its own;
    ``narrows`` switches its windows off. ``told_v1`` is what VLLM_USE_V1 says, "" for nothing. After the option
    ``beyond`` memory goes another way than is computed here.
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
    narrows: bool
    told_v1: str
    keeps_experts_whole: bool
    beyond: str

    @property
    def is_early_v1(self) -> bool:
        """V1 before it was finished, as it was to be had by its variable alone."""
        return self.told_v1 == "1" and self.vllm < _V1_SINCE

    @property
    def bounds_weights(self) -> bool:
        """Whether all of the weights must lie in what gpu_memory_utilization grants."""
        return self.beyond not in _FREEING

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
        narrows=narrows(serve.args),
        told_v1=env.get(_ENGINE, "").strip(),
        keeps_experts_whole=keeps_experts_whole(serve.args),
        beyond=next((option for option in _BEYOND if option in options), ""),
    )


def is_on(env: Mapping[str, str], switch: str) -> bool:
    """As vLLM reads its own variables (envs.py)."""
    return env.get(switch, "").strip().lower() in {"1", "true"}


def may_exceed(args: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether requests may be longer than config.json says that the model was made for."""
    return bool(_stretched(args)) or is_on(env, _MAY_EXCEED)


def keeps_experts_whole(args: Sequence[str]) -> bool:
    """Whether each GPU has some of the experts instead of a part of each."""
    return any(option == _WHOLE_EXPERTS for option, _ in option_values(args))


def narrows(args: Sequence[str]) -> bool:
    """Whether a model's windows are switched off, by which no request may be longer than one."""
    return any(option == _NARROWING for option, _ in option_values(args))


def _stretched(args: Sequence[str]) -> str:
    options = ((*option.partition(".")[::2], value) for option, value in option_values(args))
    return next((name for name, path, value in options if _stretches(name, path, value)), "")


def _stretches(name: str, path: str, value: str) -> bool:
    """``path`` are the keys that the option names behind its dot, "" for none."""
    if name == _OVERRIDES:
        return _overrides_length(path.split(".") if path else [], value)
    return name in _STRETCHING or (name, value) == _OTHER_FORMAT


def _overrides_length(path: Sequence[str], value: str) -> bool:
    """What is no JSON may be anything; behind a dotted option vLLM takes it for a plain word."""
    found = set(path)
    try:
        json.loads(value, object_pairs_hook=lambda pairs: found.update(key for key, _ in pairs))
    except (ValueError, RecursionError):
        return not path or bool(found & _LENGTH_KEYS)
    return bool(found & _LENGTH_KEYS)


def has_rdma(env: Mapping[str, str]) -> bool:
    """Only if the cluster's variables say so: without RDMA, tensor parallel across machines is slow."""
    return env.get("NCCL_IB_DISABLE") == "0" or bool(env.get("NCCL_IB_HCA"))


def runs_v1(serving: Serving, capability: Capability) -> bool:
    if serving.told_v1 == "0" and serving.vllm < _V1_ALONE_SINCE:
        return False
    return serving.vllm >= (_V1_SINCE if capability >= _AMPERE else _V1_BELOW_AMPERE)


def falls_back_without_ray(serving: Serving, stages: int, nodes: int) -> bool:
    """Whether V0 runs unless the executor is ray, which only several nodes are sure to have in such a release."""
    is_early = _V1_SINCE <= serving.vllm < _V1_PIPELINES_WITHOUT_RAY_SINCE
    return is_early and stages > 1 and nodes == 1 and serving.told_v1 != "1"


def profiled_tokens(serving: Serving, length: int, capability: Capability, memory: int) -> int:
    """In the batch by which vLLM measures what a forward pass takes; ``memory`` is one GPU's, in bytes."""
    if serving.batched_tokens:
        return serving.batched_tokens
    if not runs_v1(serving, capability):
        return length if _LEAST_BATCH < length <= _LONGEST_IN_ONE else _LEAST_BATCH
    if memory < _LARGE or capability == _AMPERE:
        return _LEAST_BATCH
    return 4 * _LEAST_BATCH if memory < _LARGEST else 8 * _LEAST_BATCH


def profiled_sequences(serving: Serving, capability: Capability, memory: int) -> Range:
    """For each of them the sampler is tried in the same batch."""
    if serving.sequences:
        return Range(serving.sequences, serving.sequences, serving.sequences)
    if not runs_v1(serving, capability):
        return Range(256, 256, 256)
    if memory >= _LARGE and capability != _AMPERE:
        return Range(1024, 1024, 1024)
    return Range(256, 256, 1024 if serving.vllm < _ALL_ROWS_UNTIL else 256)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
