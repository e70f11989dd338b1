"""What each GPU's part of an expert with GPTQ's or AWQ's groups must be a multiple of, by the release of vLLM.

Read in the released sources: moe_wna16 halves groups that a part does not hold whole, down to 32; the Marlin kernels
for experts want max(64, group) (`check_moe_marlin_supports_layer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from installer.hardware.releases import Release

_LEAST_GROUP = 32
_MARLIN = 64
_SURELY_MARLIN = 128  # fits every release's kernel
_MARLINS = frozenset(("gptq_marlin", "awq_marlin", "auto_gptq", "auto_awq"))
# From where on moe_wna16 takes what the kernel's own way for experts does not.
_FALLS_BACK_SINCE: Mapping[str, Release] = {
    **dict.fromkeys(_MARLINS, (0, 9, 0)),
    "moe_wna16": (0, 7, 1),
    "awq": (0, 9, 2),
    "gptq": (0, 10, 2),
}
_MANY = 32  # experts; with more, 0.7.3 to 0.8.4 always took moe_wna16
_MANY_FALL_BACK_SINCE: Release = (0, 7, 3)
_FALL_BACK_CRASHES: Release = (0, 8, 5)  # vllm#17608


@dataclass(frozen=True)
class ExpertStep:
    """``is_known`` is False where nobody knows what else than multiples of ``size`` this release can cut."""

    size: int
    is_known: bool


def expert_step(kernel: str, vllm: Release | None, experts: int, group: int) -> ExpertStep:
    """``group`` 0 is one for all of a column. Other kernels than GPTQ's and AWQ's cut between their groups only."""
    if kernel not in _FALLS_BACK_SINCE:
        return ExpertStep(group or 1, is_known=True)
    if group and vllm and _falls_back(kernel, vllm, experts):
        return ExpertStep(min(group, _LEAST_GROUP), is_known=True)
    if kernel in _MARLINS and vllm == _FALL_BACK_CRASHES:
        return ExpertStep(max(group, _MARLIN), is_known=True)
    return ExpertStep(max(group, _SURELY_MARLIN if kernel in _MARLINS else 1), is_known=False)


def _falls_back(kernel: str, vllm: Release, experts: int) -> bool:
    if vllm >= _FALLS_BACK_SINCE[kernel]:
        return True
    return kernel in _MARLINS and experts > _MANY and _MANY_FALL_BACK_SINCE <= vllm < _FALL_BACK_CRASHES
