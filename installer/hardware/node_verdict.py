"""Whether the bundle's model fits on the GPUs that a node really has."""

from collections.abc import Sequence
from dataclasses import dataclass

from installer.facts.gpus import SmiGpu
from installer.hardware.advice import Advice
from installer.hardware.gpu_sets import MIB, GpuSet
from installer.hardware.gpus import gpu_of_product
from installer.hardware.parallel import Split
from installer.hardware.releases import Release
from installer.hardware.serve_plan import Subject, judge, plan_serving
from installer.hardware.serve_words import arithmetic, headline, settings_to_try
from installer.hardware.serving import has_rdma, serving_of
from installer.index.model_shape import ModelShape
from installer.index.settings import ClusterSettings, ServeSettings

_SET = "vllm-airgap install --set"


@dataclass(frozen=True)
class NodeVerdict:
    """``verdict`` is FITS, PERHAPS or DOES_NOT_FIT of the serve plan, ``fix`` what can be typed, "" for nothing."""

    verdict: str
    what: str
    arithmetic: tuple[str, ...]
    advice: tuple[Advice, ...]
    fix: str


def best_of(gpus: Sequence[SmiGpu], count: int) -> tuple[SmiGpu, ...]:
    """Those that a cluster with ``count`` on each node uses: CUDA numbers the fastest first, a display's card last."""
    return tuple(sorted(gpus, key=lambda gpu: (gpu.capability, gpu.memory), reverse=True)[:count])


def judge_on_node(
    shape: ModelShape,
    weights: int,
    gpus: Sequence[SmiGpu],
    cluster: ClusterSettings,
    serve: ServeSettings,
    vllm: Release,
) -> NodeVerdict | None:
    """``weights`` in bytes. The other nodes are taken to be like this one, and the weakest GPU of those used counts.

    None without GPUs, or where the driver does not tell their memory.
    """
    gpus = best_of(gpus, cluster.gpus_per_node)
    if not gpus or not all(gpu.memory for gpu in gpus):
        return None
    weakest = min(gpus, key=lambda gpu: (gpu.capability, gpu.memory))
    known = gpu_of_product(weakest.name)
    name = known.name if known else weakest.name
    memory = min(gpu.memory for gpu in gpus) * MIB
    found = GpuSet(cluster.nodes, cluster.gpus_per_node, name, weakest.capability, memory)
    subject = Subject(shape, weights, found, serving_of(serve, cluster.env, vllm), has_rdma(cluster.env))
    option = judge(subject, Split(serve.tensor_parallel_size, serve.pipeline_parallel_size))
    plan = plan_serving(subject)
    tries = [f"{_SET} {setting}" for setting in settings_to_try(option)]
    if option.refusals and plan.best:
        best = plan.best.split
        tries = [f"{_SET} tensor_parallel_size={best.tp} --set pipeline_parallel_size={best.pp}"]
    fixes = tries or [f"build the bundle anew: {advice.fix}" for advice in plan.advice if advice.is_refusal]
    return NodeVerdict(
        verdict=option.verdict,
        what=headline(subject, option),
        arithmetic=arithmetic(option),
        advice=plan.advice,
        fix=" or ".join(fixes),
    )
