"""What vLLM is told, and what each release makes of what it is not told."""

from dataclasses import replace

import pytest

from installer.hardware.releases import Release
from installer.hardware.serving import has_rdma, profiled_sequences, profiled_tokens, runs_v1, serving_of
from installer.index.gpus import Capability
from installer.index.settings import ServeSettings
from tests.unit.installer.hardware.shapes import served

GIB = 1 << 30


def test_options_are_read_in_any_spelling() -> None:
    args = ("--dtype=half", "-q", "awq", "--kv_cache_dtype", "fp8", "--max-num-seqs", "8", "--enforce-eager")
    found = serving_of(ServeSettings("m", 1, 1, 4096, "0.95", 8000, args, ()), {}, (0, 10, 2))
    assert (found.dtype, found.quantization, found.kv_bytes, found.sequences) == ("half", "awq", 1, 8)
    assert (found.length, found.utilization, found.is_eager, found.may_exceed) == (4096, 0.95, True, False)


@pytest.mark.parametrize(
    ("args", "stretched"),
    [
        (("--rope-scaling", '{"rope_type": "yarn", "factor": 4.0}'), "rope-scaling"),
        (("--rope_scaling={}",), "rope-scaling"),
        (("--hf-overrides.max_position_embeddings", "131072"), "hf-overrides"),
        (("--config-format", "mistral"), "config-format"),
        (("--config-format=auto",), ""),
        (("--config-format", "hf"), ""),
        (("--hf-overrides", '{"architectures": ["x"]}'), ""),
        (("--hf-overrides.architectures", "x"), ""),
        (("--hf-overrides", '{"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}'), "hf-overrides"),
        (("--hf-overrides", '{"text_config": {"max_position_embeddings": 9}}'), "hf-overrides"),
        (("--hf-overrides", '[{"rope_parameters": {}}]'), "hf-overrides"),
        (("--hf-overrides", '{"max_model_len": 9}'), "hf-overrides"),
        (("--hf-overrides.text_config.rope_scaling.factor", "2"), "hf-overrides"),
        (("--hf-overrides.text_config", '{"model_max_length": 9}'), "hf-overrides"),
        (("--hf-overrides.max_model_len", "x"), "hf-overrides"),
        (("--hf-overrides", "{"), "hf-overrides"),
        (("--hf-overrides", "[" * 100_000), "hf-overrides"),
        (("--hf-overrides",), "hf-overrides"),
        (("--rope-theta", "10000"), ""),
    ],
)
def test_what_gives_the_model_another_length_lets_requests_be_longer(args: tuple[str, ...], stretched: str) -> None:
    found = serving_of(ServeSettings("m", 1, 1, 131072, "0.9", 8000, args, ()), {}, (0, 10, 2))
    assert (found.stretched, found.may_exceed) == (stretched, bool(stretched))


@pytest.mark.parametrize(("value", "is_enough"), [("1", True), (" True", True), ("0", False), ("yes", False)])
def test_the_variable_that_lets_requests_be_longer(value: str, *, is_enough: bool) -> None:
    env = {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": value}
    assert serving_of(ServeSettings("m", 1, 1, 9, "0.9", 8000, (), ()), env, (0, 10, 2)).may_exceed == is_enough


@pytest.mark.parametrize("arg", ["--enable-expert-parallel", "--enable_expert_parallel", "-ep"])
def test_experts_stay_whole_whatever_else_is_asked_for(arg: str) -> None:
    args = ("--data-parallel-size", "2", arg)
    found = serving_of(ServeSettings("m", 1, 1, None, "0.9", 8000, args, ()), {}, (0, 10, 2))
    assert (found.keeps_experts_whole, found.beyond) == (True, "data-parallel-size")


def test_a_number_that_is_none_is_not_told() -> None:
    args = ("--max-num-seqs", "many", "--cpu-offload-gb", "4")
    found = serving_of(ServeSettings("m", 1, 1, None, "0.9", 8000, args, ()), {}, (0, 10, 2))
    assert (found.sequences, found.length, found.beyond) == (0, 0, "cpu-offload-gb")


@pytest.mark.parametrize(
    ("vllm", "capability", "is_v1"),
    [
        ((0, 6, 4), (9, 0), False),
        ((0, 8, 5), (8, 0), True),
        ((0, 9, 2), (7, 5), False),
        ((0, 10, 0), (7, 5), True),
        ((0, 33, 0), (7, 5), True),
    ],
)
def test_the_engine(vllm: Release, capability: Capability, is_v1: bool) -> None:  # noqa: FBT001
    serving = replace(served("0.6.4"), vllm=vllm)
    assert runs_v1(serving, capability) == is_v1


@pytest.mark.parametrize(
    ("told", "vllm", "is_v1"),
    [("0", "0.8.5", False), ("0", "0.10.2", False), ("0", "0.11.0", True), ("1", "0.8.5", True)],
)
def test_the_engine_that_is_asked_for_while_there_are_two(told: str, vllm: str, *, is_v1: bool) -> None:
    version = served(vllm).vllm
    serving = serving_of(ServeSettings("m", 1, 1, None, "0.9", 8000, (), ()), {"VLLM_USE_V1": told}, version)
    assert runs_v1(serving, (9, 0)) == is_v1


def test_windows_that_are_switched_off() -> None:
    args = ("--disable_sliding_window",)
    assert serving_of(ServeSettings("m", 1, 1, None, "0.9", 8000, args, ()), {}, (0, 10, 2)).narrows


@pytest.mark.parametrize(
    ("vllm", "length", "gpu", "tokens"),
    [
        ("0.6.4", 1024, 16, 2048),
        ("0.6.4", 32768, 16, 32768),
        ("0.6.4", 65536, 16, 2048),
        ("0.10.2", 65536, 24, 2048),
        ("0.10.2", 65536, 80, 8192),
        ("0.10.2", 65536, 180, 16384),
    ],
)
def test_the_batch_by_which_vllm_measures(vllm: str, length: int, gpu: int, tokens: int) -> None:
    assert profiled_tokens(served(vllm), length, (9, 0), gpu * GIB) == tokens


@pytest.mark.parametrize(("capability", "sequences"), [((8, 0), 256), ((9, 0), 1024)])
def test_large_gpus_serve_more_requests_but_for_a100(capability: Capability, sequences: int) -> None:
    assert profiled_sequences(served("0.10.2"), capability, 80 * GIB).likely == sequences


@pytest.mark.parametrize(
    ("env", "rdma"), [({}, False), ({"NCCL_IB_DISABLE": "1"}, False), ({"NCCL_IB_HCA": "mlx5"}, True)]
)
def test_rdma_is_there_if_the_manifest_says_so(env: dict[str, str], rdma: bool) -> None:  # noqa: FBT001
    assert has_rdma(env) == rdma
