"""Which quantization kernel vLLM will use."""

from bundler.lint.case import Case
from installer.hardware.capabilities import chosen_kernel


def kernel_of(case: Case) -> str:
    """What serve.args name, or what vLLM makes of the model's own: Marlin where the GPU has it. "" for none."""
    if asked := case.asked("quantization"):
        return asked
    own = case.config.quantization if case.config else ""
    vllm = case.image.release("vllm")
    return chosen_kernel(own, vllm, case.gpu.capability if case.gpu else None) if vllm else own
