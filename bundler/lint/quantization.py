"""Whether the GPUs that the manifest names can compute what model and server ask of them."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, refused, warned
from bundler.lint.case import Case, Rules
from bundler.lint.kernels import bits_of, judged_by, kernel_of
from installer.hardware.advice import newer_kernel
from installer.hardware.capabilities import (
    BFLOAT16,
    DTYPE_FALLS_BACK_SINCE,
    REMOVED,
    needed_capability,
    oldest_capability,
)
from installer.hardware.releases import release
from installer.index.gpus import Capability

_GPTQ_BITS = 4


def _gpu_too_old(case: Case) -> Iterator[Finding]:
    least = oldest_capability(release(case.image.cuda))
    if case.gpu and case.image.known_by and case.gpu.capability < least:
        yield refused(
            "gpu-too-old",
            "cluster.gpu",
            f"{case.gpu.name} has compute capability {_text(case.gpu.capability)}, and images for "
            f"CUDA {case.image.cuda} start at {_text(least)}",
            "take an image for CUDA 12 (a tag with -cu129, or vLLM before 0.20)",
        )


def _quantization_gpu(case: Case) -> Iterator[Finding]:
    kernel, vllm = kernel_of(case), case.image.release("vllm")
    least = needed_capability(kernel, vllm) if vllm else None
    if vllm is None or case.gpu is None or least is None or case.gpu.capability >= least:
        return
    what = (
        f"{kernel} needs compute capability {_text(least)} in {case.image.vllm}, {case.gpu.name} has "
        f"{_text(case.gpu.capability)}"
    )
    fix = newer_kernel(kernel, vllm, case.gpu.capability)
    if guess := judged_by(case):
        yield warned("quantization-gpu", _where(case), what, fix, guess)
    else:
        yield refused("quantization-gpu", _where(case), what, fix)


def _quantization_removed(case: Case) -> Iterator[Finding]:
    kernel, vllm = kernel_of(case), case.image.release("vllm")
    if vllm and kernel in REMOVED and vllm >= REMOVED[kernel]:
        yield refused(
            "quantization-removed", _where(case), f"{case.image.vllm} no longer has {kernel}", "take an older image"
        )


def _gptq_exclamation_marks(case: Case) -> Iterator[Finding]:
    """vllm#10656: fp16 overflows in the 4-bit gptq kernel, and every token becomes number 0."""
    is_old = case.gpu is not None and case.gpu.capability < BFLOAT16
    if kernel_of(case) == "gptq" and is_old and bits_of(case) in {0, _GPTQ_BITS}:
        yield warned(
            "gptq-exclamation-marks",
            _where(case),
            f'on a {case.manifest.cluster.gpu} the 4-bit gptq kernel answers short prompts with "!!!!"',
            "take an AWQ model, or an image from 0.14.1 on, where gptq_marlin runs there; try a long prompt",
            judged_by(case),
        )


def _bfloat16(case: Case) -> Iterator[Finding]:
    if case.gpu is None or case.gpu.capability >= BFLOAT16:
        return
    asked = case.asked("dtype")
    what = f"{case.gpu.name} has no bfloat16 (compute capability {_text(case.gpu.capability)}, 8.0 is needed)"
    fix = "say so in serve.args: [--dtype, half]"
    vllm = case.image.release("vllm")
    if asked == "bfloat16":
        yield refused("bfloat16-gpu", "serve.args", what, fix)
    elif asked in {"", "auto"} and case.config and case.config.dtype == "bfloat16" and vllm:
        finding = warned if vllm >= DTYPE_FALLS_BACK_SINCE else refused
        yield finding("bfloat16-gpu", "serve.args", f"the model is in bfloat16, and {what}", fix)


def _where(case: Case) -> str:
    return "serve.args" if case.asked("quantization") else "model"


def _text(capability: Capability) -> str:
    return f"{capability[0]}.{capability[1]}"


RULES: Final[Rules] = {
    "gpu-too-old": _gpu_too_old,
    "quantization-gpu": _quantization_gpu,
    "quantization-removed": _quantization_removed,
    "gptq-exclamation-marks": _gptq_exclamation_marks,
    "bfloat16-gpu": _bfloat16,
}
