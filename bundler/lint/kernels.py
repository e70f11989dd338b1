"""Which quantization kernel vLLM will use."""

import re

from bundler.lint.case import Case
from installer.hardware.capabilities import chosen_kernel

_IN_A_NAME = re.compile(r"(?<![a-z0-9])(gptq|awq)(?![a-z])")
_BITS_IN_A_NAME = re.compile(r"int([2348])(?![0-9])|(?<![0-9])([2348])-?bits?(?![a-z])")


def kernel_of(case: Case) -> str:
    """What serve.args name, or what vLLM makes of the model's own: Marlin where the GPU has it. "" for none."""
    if asked := case.asked("quantization"):
        return case.config.named(asked) if case.config else asked
    own = case.config.method if case.config else _quantization_by_name(case)
    vllm = case.image.release("vllm")
    return chosen_kernel(own, vllm, case.gpu.capability if case.gpu else None) if vllm else own


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
