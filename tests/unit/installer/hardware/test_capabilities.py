"""Which GPU computes what, by the release of vLLM: read in the released wheels."""

import pytest

from installer.hardware.capabilities import (
    chosen_kernel,
    computed_dtype,
    enough_since,
    needed_capability,
    oldest_capability,
)
from installer.hardware.releases import Release
from installer.index.gpus import Capability

T4, A10, L20, H200 = (7, 5), (8, 6), (8, 9), (9, 0)
OLD, BEFORE_MARLIN_FOR_T4, MARLIN_FOR_T4, NEW = (0, 6, 4), (0, 13, 0), (0, 14, 1), (0, 33, 0)


@pytest.mark.parametrize(
    ("kernel", "vllm", "least"),
    [
        ("gptq", OLD, (6, 0)),
        ("awq", OLD, (7, 5)),
        ("gptq_marlin", BEFORE_MARLIN_FOR_T4, (8, 0)),
        ("gptq_marlin", MARLIN_FOR_T4, (7, 5)),
        ("awq_marlin", BEFORE_MARLIN_FOR_T4, (8, 0)),
        ("awq_marlin", NEW, (7, 5)),
        ("fp8", BEFORE_MARLIN_FOR_T4, (8, 0)),
        ("fp8", MARLIN_FOR_T4, (7, 5)),
        ("modelopt", MARLIN_FOR_T4, (8, 9)),
        ("modelopt", NEW, (8, 0)),
        ("auto_gptq", NEW, (6, 0)),
        ("fp_quant", NEW, (10, 0)),
        ("compressed-tensors", OLD, (7, 0)),
        ("compressed-tensors wna16", (0, 11, 2), (8, 0)),
        ("compressed-tensors wna16", (0, 12, 0), (7, 5)),
        ("compressed-tensors fp8", MARLIN_FOR_T4, (8, 0)),
        ("compressed-tensors fp8", (0, 16, 0), (7, 5)),
        ("compressed-tensors nvfp4", MARLIN_FOR_T4, (8, 0)),
        ("compressed-tensors int8", OLD, (7, 5)),
        ("of_tomorrow", NEW, None),
    ],
)
def test_the_least_capability_of_a_kernel(kernel: str, vllm: Release, least: Capability | None) -> None:
    assert needed_capability(kernel, vllm) == least


@pytest.mark.parametrize(
    ("quantization", "vllm", "capability", "kernel"),
    [
        ("gptq", OLD, T4, "gptq"),
        ("gptq", OLD, L20, "gptq_marlin"),
        ("gptq", OLD, None, "gptq_marlin"),
        ("gptq", MARLIN_FOR_T4, T4, "gptq_marlin"),
        ("gptq", MARLIN_FOR_T4, (7, 0), "gptq"),
        ("awq", OLD, A10, "awq_marlin"),
        ("fp8", OLD, H200, "fp8"),
        ("", OLD, H200, ""),
    ],
)
def test_marlin_is_taken_where_the_gpu_has_it(
    quantization: str, vllm: Release, capability: Capability | None, kernel: str
) -> None:
    assert chosen_kernel(quantization, vllm, capability) == kernel


@pytest.mark.parametrize(
    ("asked", "own", "vllm", "capability", "dtype"),
    [
        ("", "bfloat16", OLD, L20, "bfloat16"),
        ("", "bfloat16", OLD, T4, None),
        ("auto", "bfloat16", (0, 8, 5), T4, None),
        ("auto", "bfloat16", (0, 9, 0), T4, "float16"),
        ("bfloat16", "float16", NEW, T4, None),
        ("half", "bfloat16", OLD, T4, "float16"),
        ("float", "bfloat16", OLD, T4, "float32"),
        ("", "float32", OLD, T4, "float16"),
        ("", "float16", OLD, T4, "float16"),
    ],
)
def test_what_vllm_computes_in(asked: str, own: str, vllm: Release, capability: Capability, dtype: str | None) -> None:
    assert computed_dtype(asked, own, vllm, capability) == dtype


@pytest.mark.parametrize(
    ("kernel", "capability", "since"),
    [
        ("gptq_marlin", T4, (0, 14, 1)),
        ("compressed-tensors wna16", T4, (0, 12, 0)),
        ("compressed-tensors wna16", A10, (0, 0, 0)),
        ("compressed-tensors int8", (7, 0), None),
        ("of_tomorrow", T4, None),
    ],
)
def test_the_release_that_a_gpu_is_enough_for(kernel: str, capability: Capability, since: Release | None) -> None:
    assert enough_since(kernel, capability) == since


def test_cuda_13_has_left_volta_behind() -> None:
    assert oldest_capability((12, 9, 1)) == (7, 0)
    assert oldest_capability((13, 0, 2)) == (7, 5)
    assert oldest_capability(None) == (7, 0)
