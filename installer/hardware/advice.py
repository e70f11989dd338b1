"""What a GPU can compute of a model: in which numbers, by which kernels, and the ways out where it cannot."""

from collections.abc import Iterator
from dataclasses import dataclass

from installer.hardware.capabilities import (
    BFLOAT16,
    REMOVED,
    capability_above,
    chosen_kernel,
    computed_dtype,
    enough_since,
    needed_capability,
)
from installer.hardware.gpu_sets import GpuSet
from installer.hardware.releases import Release, dotted
from installer.hardware.serving import Serving
from installer.index.gpus import Capability
from installer.index.model_shape import ModelShape

_GPTQ_BITS = 4
_MARLIN_ON_TURING = "an image from v0.14.1 on, where gptq_marlin runs from compute capability 7.5"


@dataclass(frozen=True)
class Advice:
    """``is_refusal``: vLLM would not start. ``fix`` is what to write, or to take along instead."""

    name: str
    what: str
    fix: str
    is_refusal: bool = False


def kernel_that_runs(shape: ModelShape, serving: Serving, capability: Capability) -> str:
    """What --quantization names, or what vLLM makes of the model's own; "" for none."""
    asked = shape.named(serving.quantization)
    return asked or chosen_kernel(shape.method, serving.vllm, capability)


def newer_kernel(kernel: str, vllm: Release, capability: Capability) -> str:
    """What to do about one for which ``capability`` is not enough in ``vllm``."""
    if "marlin" in kernel:
        return f"leave --quantization out, or take {_MARLIN_ON_TURING}"
    since = enough_since(kernel, capability)
    newer = f"take an image from v{dotted(since)} on, or " if since and since > vllm else "take "
    return f"{newer}another model"


def advice_on(shape: ModelShape, serving: Serving, gpus: GpuSet) -> Iterator[Advice]:
    yield from _dtype(shape, serving, gpus)
    yield from _quantization(shape, serving, gpus)
    yield from _too_new(shape, serving, gpus)
    yield from _marks(shape, serving, gpus)


def _dtype(shape: ModelShape, serving: Serving, gpus: GpuSet) -> Iterator[Advice]:
    if gpus.capability >= BFLOAT16 or "bfloat16" not in (serving.dtype, shape.dtype):
        return
    what = f"{gpus.name} has no bfloat16: it has compute capability {dotted(gpus.capability)}, 8.0 is needed"
    fix = "serve.args: [--dtype, half]"
    if computed_dtype(serving.dtype, shape.dtype, serving.vllm, gpus.capability) is None:
        yield Advice("bfloat16-gpu", what, fix, is_refusal=True)
    elif serving.dtype in {"", "auto"}:
        yield Advice("bfloat16-gpu", f"{what}; vLLM {dotted(serving.vllm)} takes float16 by itself", fix)


def _quantization(shape: ModelShape, serving: Serving, gpus: GpuSet) -> Iterator[Advice]:
    kernel = kernel_that_runs(shape, serving, gpus.capability)
    least = needed_capability(kernel, serving.vllm)
    if least and gpus.capability < least:
        yield Advice(
            "quantization-gpu",
            f"{kernel} needs compute capability {dotted(least)} in vLLM {dotted(serving.vllm)}, and "
            f"{gpus.name} has {dotted(gpus.capability)}",
            newer_kernel(kernel, serving.vllm, gpus.capability),
            is_refusal=True,
        )
    if kernel in REMOVED and serving.vllm >= REMOVED[kernel]:
        yield Advice(
            "quantization-removed",
            f"vLLM {dotted(serving.vllm)} no longer has {kernel}",
            "take an older image",
            is_refusal=True,
        )


def _too_new(shape: ModelShape, serving: Serving, gpus: GpuSet) -> Iterator[Advice]:
    """No refusal: which releases may have another kernel was not read."""
    kernel = kernel_that_runs(shape, serving, gpus.capability)
    above = capability_above(kernel)
    if above and gpus.capability >= above:
        yield Advice(
            "quantization-too-new-gpu",
            f"{kernel} has no kernel from compute capability {dotted(above)} on, and {gpus.name} has "
            f'{dotted(gpus.capability)}: vLLM ends in its first forward pass with "Int8 not supported on SM"',
            "take the model in FP8",
        )


def _marks(shape: ModelShape, serving: Serving, gpus: GpuSet) -> Iterator[Advice]:
    """vllm#10656: fp16 overflows in the 4-bit gptq kernel, and every token becomes number 0."""
    kernel = kernel_that_runs(shape, serving, gpus.capability)
    if kernel == "gptq" and gpus.capability < BFLOAT16 and shape.bits in {0, _GPTQ_BITS}:
        yield Advice(
            "gptq-exclamation-marks",
            f'on {gpus.name} the 4-bit gptq kernel answers prompts of up to 50 tokens with "!!!!" (vllm#10656)',
            f"take {_MARLIN_ON_TURING}; or an AWQ model; or ask with longer prompts only",
        )
