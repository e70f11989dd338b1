"""A node judges the bundle's model by the GPUs that its driver names."""

from dataclasses import replace

import pytest

from installer.facts.gpus import SmiGpu, read_gpus
from installer.hardware.node_verdict import NodeVerdict, judge_on_node
from installer.hardware.serve_plan import DOES_NOT_FIT, FITS, PERHAPS
from installer.index.settings import ClusterSettings, ServeSettings
from tests.fakes.recorded_machine import RECORDED
from tests.unit.installer.hardware.shapes import QWEN_32B, QWEN_32B_GPTQ, WEIGHTS_32B_GPTQ, shape_of

T4 = SmiGpu(
    0, "GPU-0", "Tesla T4", "550.127.08", 15360, 0, (7, 5), "0000:00:06.0", mig=False, persistence=True, ecc=True
)
H200 = replace(T4, name="NVIDIA H200", memory=143771, capability=(9, 0), driver="580.159.04")
CLUSTER = ClusterSettings(2, 1, "ray", 6379, {}, "10g")
SERVE = ServeSettings("m", 2, 1, 4096, "0.95", 8000, ("--dtype", "half"), ())


def verdict(*gpus: SmiGpu, serve: ServeSettings = SERVE, cluster: ClusterSettings = CLUSTER) -> NodeVerdict:
    found = judge_on_node(shape_of(QWEN_32B_GPTQ), WEIGHTS_32B_GPTQ, gpus, cluster, serve, (0, 6, 4))
    assert found is not None
    return found


def test_the_runbooks_nodes() -> None:
    found = verdict(T4)
    assert (found.verdict, found.fix) == (FITS, "")
    assert "1548 blocks" in found.arithmetic[-1]
    assert [advice.name for advice in found.advice] == ["gptq-exclamation-marks"]


def test_what_does_not_fit_comes_with_what_to_type() -> None:
    found = verdict(T4, serve=replace(SERVE, max_model_len=32768, gpu_memory_utilization="0.90"))
    assert found.verdict == DOES_NOT_FIT
    assert found.fix.startswith("vllm-airgap install --set max_model_len=")


def test_a_recorded_host_with_two_h200() -> None:
    """Qwen2.5-72B in bfloat16: 145 GB of weights, so it takes both."""
    gpus = read_gpus((RECORDED / "h200/query.csv").read_text())
    shape = shape_of({**QWEN_32B, "num_hidden_layers": 80, "hidden_size": 8192, "num_attention_heads": 64})
    cluster, serve = replace(CLUSTER, nodes=1, gpus_per_node=2), replace(SERVE, max_model_len=32768, args=())
    both = judge_on_node(shape, 145_412_000_000, gpus, cluster, serve, (0, 33, 0))
    alone = replace(cluster, gpus_per_node=1), replace(serve, tensor_parallel_size=1)
    one = judge_on_node(shape, 145_412_000_000, gpus, *alone, (0, 33, 0))
    assert both is not None
    assert one is not None
    assert (both.verdict, both.advice, one.verdict) == (FITS, (), DOES_NOT_FIT)
    assert "on 1 x 2 x H200 (140.4 GiB) fits" in both.what


def test_the_weakest_gpu_counts() -> None:
    assert "15.0 GiB" in verdict(H200, T4, cluster=replace(CLUSTER, gpus_per_node=2)).what


def test_a_card_for_a_display_beside_those_that_the_cluster_uses_does_not_count() -> None:
    t400 = replace(T4, index=1, name="NVIDIA T400 4GB", memory=4096)
    assert verdict(t400, T4) == verdict(T4)
    assert verdict(T4, t400, cluster=replace(CLUSTER, gpus_per_node=2)).verdict == DOES_NOT_FIT


def test_sizes_that_cannot_be_come_with_those_that_can() -> None:
    found = verdict(T4, cluster=replace(CLUSTER, nodes=3), serve=replace(SERVE, tensor_parallel_size=3))
    assert any(line.startswith("40 % 3 = 1") for line in found.arithmetic)
    assert found.fix == "vllm-airgap install --set tensor_parallel_size=1 --set pipeline_parallel_size=3"


def test_a_card_that_nobody_listed_is_judged_by_what_its_driver_says() -> None:
    found = verdict(replace(T4, name="NVIDIA Z9000", capability=(13, 0), memory=90000))
    assert found.verdict == FITS
    assert "NVIDIA Z9000" in found.what


def test_a_refused_number_comes_with_its_remedy() -> None:
    serve = replace(SERVE, args=("--dtype", "bfloat16"))
    found = judge_on_node(shape_of(QWEN_32B), 60 << 30, (T4,), CLUSTER, serve, (0, 6, 4))
    assert found is not None
    assert (found.verdict, found.fix) == (DOES_NOT_FIT, "build the bundle anew: serve.args: [--dtype, half]")


def test_an_unknown_architecture_fits_perhaps() -> None:
    shape = shape_of(QWEN_32B, architectures=["DeepseekV3ForCausalLM"])
    found = judge_on_node(shape, 60 << 30, (H200,), CLUSTER, SERVE, (0, 10, 2))
    assert found is not None
    assert found.verdict == PERHAPS


def test_a_driver_that_does_not_tell_the_memory_tells_nothing() -> None:
    assert judge_on_node(shape_of(QWEN_32B), 60 << 30, (replace(T4, memory=0),), CLUSTER, SERVE, (0, 10, 2)) is None


def test_without_a_driver_nobody_can_say() -> None:
    assert judge_on_node(shape_of(QWEN_32B), 60 << 30, (), CLUSTER, SERVE, (0, 10, 2)) is None


@pytest.mark.parametrize("length", [1, 2**31])
def test_any_length_that_the_settings_allow_is_judged(length: int) -> None:
    assert verdict(T4, serve=replace(SERVE, max_model_len=length)).what
