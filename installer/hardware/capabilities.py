"""Which compute capability vLLM's kernels and an image's programs need; read in the released wheels and images."""

from collections.abc import Mapping

from installer.hardware.releases import Release
from installer.index.gpus import Capability

BFLOAT16: Capability = (8, 0)
DTYPE_FALLS_BACK_SINCE: Release = (0, 9, 0)  # from here on, --dtype auto takes float16 where a GPU has no bfloat16
# Least compute capability by the vLLM release from which on it holds.
_NEEDED: Mapping[str, tuple[tuple[Release, Capability], ...]] = {
    "gptq": (((0, 0, 0), (6, 0)),),
    "auto_gptq": (((0, 0, 0), (6, 0)),),
    "gguf": (((0, 0, 0), (6, 0)),),
    "awq": (((0, 0, 0), (7, 5)),),
    "auto_awq": (((0, 0, 0), (7, 5)),),
    "torchao": (((0, 0, 0), (7, 5)),),
    "bitsandbytes": (((0, 0, 0), (7, 0)),),
    "moe_wna16": (((0, 0, 0), (7, 0)),),
    "gptq_marlin": (((0, 14, 1), (7, 5)), ((0, 0, 0), (8, 0))),
    "awq_marlin": (((0, 14, 1), (7, 5)), ((0, 0, 0), (8, 0))),
    "gptq_marlin_24": (((0, 0, 0), (8, 0)),),
    "fp8": (((0, 14, 1), (7, 5)), ((0, 0, 0), (8, 0))),
    "modelopt_fp4": (((0, 14, 1), (7, 5)), ((0, 0, 0), (8, 0))),
    "modelopt": (((0, 33, 0), (8, 0)), ((0, 0, 0), (8, 9))),
    "mxfp4": (((0, 0, 0), (8, 0)),),
    "experts_int8": (((0, 0, 0), (8, 0)),),
    "fbgemm_fp8": (((0, 0, 0), (8, 0)),),
    "qqq": (((0, 0, 0), (8, 0)),),
    "aqlm": (((0, 0, 0), (6, 0)),),
    "petit_nvfp4": (((0, 0, 0), (9, 0)),),
    "fp_quant": (((0, 0, 0), (10, 0)),),
    # Each scheme has its own (vllm#14040, vllm#25022, vllm#29732). Of 0.15, which was not read, nothing is refused.
    "compressed-tensors": (((0, 0, 0), (7, 0)),),
    "compressed-tensors wna16": (((0, 12, 0), (7, 5)), ((0, 0, 0), (8, 0))),
    "compressed-tensors fp8": (((0, 15, 0), (7, 5)), ((0, 0, 0), (8, 0))),
    "compressed-tensors nvfp4": (((0, 15, 0), (7, 5)), ((0, 0, 0), (8, 0))),
    "compressed-tensors int8": (((0, 0, 0), (7, 5)),),
}
# Of what has no kernel from a capability on: "Int8 not supported on SM100" of scaled_mm_helper.hpp.
_BELOW: Mapping[str, Capability] = {"compressed-tensors int8": (10, 0)}
REMOVED: Mapping[str, Release] = {"gptq_marlin_24": (0, 17, 1)}
_MARLIN_OF: Mapping[str, str] = {"gptq": "gptq_marlin", "awq": "awq_marlin"}
_DTYPES: Mapping[str, str] = {"half": "float16", "float": "float32"}
_OLDEST: Capability = (7, 0)
_OLDEST_FOR_CUDA_13: Capability = (7, 5)
_CUDA_13 = 13


def needed_capability(kernel: str, vllm: Release) -> Capability | None:
    """None where nothing is known of ``kernel``."""
    return next((least for since, least in _NEEDED.get(kernel, ()) if vllm >= since), None)


def capability_above(kernel: str) -> Capability | None:
    """The first that ``kernel`` no longer computes on; None for none that is known."""
    return _BELOW.get(kernel)


def enough_since(kernel: str, capability: Capability) -> Release | None:
    """The release from which on ``capability`` is enough for ``kernel``; None for none that is known."""
    return min((since for since, least in _NEEDED.get(kernel, ()) if capability >= least), default=None)


def chosen_kernel(quantization: str, vllm: Release, capability: Capability | None) -> str:
    """What vLLM makes of a model's own quantization: Marlin where the GPU has it, or where the GPU is not known."""
    marlin = _MARLIN_OF.get(quantization, "")
    least = needed_capability(marlin, vllm)
    return marlin if least and (capability is None or capability >= least) else quantization


def computed_dtype(asked: str, own: str, vllm: Release, capability: Capability) -> str | None:
    """What vLLM computes in: ``asked`` is --dtype ("" for auto), ``own`` the model's. None where vLLM refuses."""
    wanted = _DTYPES.get(asked, asked)
    if wanted in {"", "auto"}:
        wanted = "bfloat16" if own == "bfloat16" else "float16"
        if wanted == "bfloat16" and capability < BFLOAT16 and vllm >= DTYPE_FALLS_BACK_SINCE:
            return "float16"
    return None if wanted == "bfloat16" and capability < BFLOAT16 else wanted


def oldest_capability(cuda: Release | None) -> Capability:
    """Where the lists of architectures that vLLM's own images are built for begin, by their CUDA."""
    return _OLDEST_FOR_CUDA_13 if cuda and cuda[0] >= _CUDA_13 else _OLDEST
