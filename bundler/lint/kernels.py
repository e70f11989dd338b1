"""Which quantization kernel vLLM will use, and from which GPU on it runs."""

import re

from bundler.lint.case import Case
from bundler.releases import Release
from installer.index.gpus import Capability

# Least compute capability by the vLLM release from which on it holds; read in the released wheels.
_NEEDED: dict[str, tuple[tuple[Release, Capability], ...]] = {
    "gptq": (((0, 0, 0), (6, 0)),),
    "gguf": (((0, 0, 0), (6, 0)),),
    "awq": (((0, 0, 0), (7, 5)),),
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
    "petit_nvfp4": (((0, 0, 0), (9, 0)),),
    "fp_quant": (((0, 0, 0), (10, 0)),),
}
REMOVED: dict[str, Release] = {"gptq_marlin_24": (0, 17, 1)}
_MARLIN_OF = {"gptq": "gptq_marlin", "awq": "awq_marlin"}
_IN_A_NAME = re.compile(r"(?<![a-z0-9])(gptq|awq)(?![a-z])")
_BITS_IN_A_NAME = re.compile(r"int([2348])(?![0-9])|(?<![0-9])([2348])-?bits?(?![a-z])")


def needed_capability(kernel: str, vllm: Release) -> Capability | None:
    """None where nothing is known of ``kernel``."""
    return next((least for since, least in _NEEDED.get(kernel, ()) if vllm >= since), None)


def kernel_of(case: Case) -> str:
    """What serve.args name, or what vLLM makes of the model's own: Marlin where the GPU has it. "" for none."""
    if asked := case.asked("quantization"):
        return asked
    own = case.config.quantization if case.config else _quantization_by_name(case)
    marlin, vllm = _MARLIN_OF.get(own), case.image.release("vllm")
    if not marlin or not vllm:
        return own
    least = needed_capability(marlin, vllm)
    return marlin if least and (case.gpu is None or case.gpu.capability >= least) else own


def bits_of(case: Case) -> int:
    """Of the model's weights, as far as it says so; else 0."""
    if case.config:
        return case.config.bits
    found = _BITS_IN_A_NAME.search(case.manifest.model.repo.lower())
    return int(found[1] or found[2]) if found else 0


def judged_by(case: Case) -> str:
    """What `kernel_of` rests on, where that is a guess; else ""."""
    is_guess = not case.asked("quantization") and not case.config and _quantization_by_name(case)
    return f"the name {case.manifest.model.repo}" if is_guess else ""


def _quantization_by_name(case: Case) -> str:
    """Of a hub's model whose config.json is not here yet. With an unknown vLLM it would be a guess about a guess."""
    found = _IN_A_NAME.search(case.manifest.model.repo.lower())
    return found[1] if found and case.image.release("vllm") else ""
