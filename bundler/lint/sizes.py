"""Whether the model can be cut into as many pieces as the manifest has GPUs."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from bundler.findings import Finding, mistaken, refused, warned
from bundler.lint.case import Case, Rule, Rules
from bundler.lint.kernels import kernel_of
from installer.hardware.parallel import Cutting, Refusal, Split, doubt, refusals, splits, world_refusal
from installer.hardware.serving import keeps_experts_whole

_TP = "serve.tensor_parallel_size"
_PP = "serve.pipeline_parallel_size"
_QUANTIZED_SPLIT = "quantized-split"


def _parallel_sizes(case: Case) -> Iterator[Finding]:
    cluster = case.manifest.cluster
    if refusal := world_refusal(_split(case), cluster.nodes, cluster.gpus_per_node):
        fix = f"{_fix(case)}; or correct cluster.nodes and cluster.gpus_per_node"
        yield mistaken("parallel-sizes", "serve", refusal.what, fix)


def _shape_rule(name: str, where: str, case: Case) -> Iterator[Finding]:
    """One of those that the shape of the model decides."""
    for refusal in _refusals(case, _split(case)):
        if refusal.name == name:
            yield refused(name, where, refusal.what, _fix(case))


def _quantized_split(case: Case) -> Iterator[Finding]:
    yield from _shape_rule(_QUANTIZED_SPLIT, _TP, case)
    if case.config and (unsure := doubt(case.config, _split(case), _cutting(case))):
        yield warned(_QUANTIZED_SPLIT, _TP, unsure, "take a newer image, or a smaller tensor_parallel_size")


def _refusals(case: Case, split: Split) -> tuple[Refusal, ...]:
    return refusals(case.config, split, _cutting(case)) if case.config else ()


def _cutting(case: Case) -> Cutting:
    return Cutting(kernel_of(case), case.image.release("vllm"), keeps_experts_whole(case.manifest.serve.args))


def _fix(case: Case) -> str:
    gpus = case.manifest.cluster.nodes * case.manifest.cluster.gpus_per_node
    fitting = [split for split in splits(gpus) if not _refusals(case, split)]
    sizes = " or ".join(
        f"tensor_parallel_size {split.tp} with pipeline_parallel_size {split.pp}" for split in reversed(fitting)
    )
    return f"take {sizes}" if sizes else "take another number of GPUs, or another model"


def _split(case: Case) -> Split:
    return Split(case.manifest.serve.tensor_parallel_size, case.manifest.serve.pipeline_parallel_size)


_SHAPE_RULES = {
    "attention-heads": _TP,
    "kv-heads": _TP,
    "vocabulary": _TP,
    "pipeline-layers": _PP,
}


def _rules() -> Iterator[tuple[str, Rule]]:
    yield "parallel-sizes", _parallel_sizes
    for name, where in _SHAPE_RULES.items():
        yield name, partial(_shape_rule, name, where)
    yield _QUANTIZED_SPLIT, _quantized_split


RULES: Final[Rules] = dict(_rules())
