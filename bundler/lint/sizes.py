"""Whether the model can be cut into as many pieces as the manifest has GPUs."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, mistaken, refused
from bundler.lint.case import Case, Rules
from bundler.lint.kernels import kernel_of

_TP = "serve.tensor_parallel_size"
_PP = "serve.pipeline_parallel_size"
_VOCABULARY_PADDING = 64  # vLLM's DEFAULT_VOCAB_PADDING_SIZE
# What Marlin's kernels want of each GPU's share of a matrix.
_MARLIN_OUT = 64
_MARLIN_IN = 128


def _parallel_sizes(case: Case) -> Iterator[Finding]:
    cluster, serve = case.manifest.cluster, case.manifest.serve
    gpus = cluster.nodes * cluster.gpus_per_node
    if serve.world_size != gpus:
        yield mistaken(
            "parallel-sizes",
            "serve",
            f"tensor_parallel_size {serve.tensor_parallel_size} x pipeline_parallel_size "
            f"{serve.pipeline_parallel_size} is {serve.world_size}, but cluster has {cluster.nodes} nodes x "
            f"{cluster.gpus_per_node} GPUs = {gpus}",
            "the product of the parallel sizes is the number of GPUs",
        )


def _attention_heads(case: Case) -> Iterator[Finding]:
    tp = case.manifest.serve.tensor_parallel_size
    if case.config and case.config.heads % tp:
        yield refused(
            "attention-heads",
            _TP,
            f"{tp} does not divide the model's {case.config.heads} attention heads",
            f"take one of {_divisors(case.config.heads)}, and pipeline_parallel_size for the rest of the GPUs",
        )


def _kv_heads(case: Case) -> Iterator[Finding]:
    tp = case.manifest.serve.tensor_parallel_size
    kv_heads = case.config.kv_heads if case.config else 0
    if kv_heads and kv_heads % tp and tp % kv_heads:
        yield refused(
            "kv-heads",
            _TP,
            f"{tp} neither divides the model's {kv_heads} KV heads nor is a multiple of them",
            f"take one of {_divisors(kv_heads)}, or a multiple of {kv_heads}",
        )


def _vocabulary(case: Case) -> Iterator[Finding]:
    tp = case.manifest.serve.tensor_parallel_size
    words = case.config.vocabulary if case.config else 0
    padded = -(-words // _VOCABULARY_PADDING) * _VOCABULARY_PADDING
    if padded % tp:
        yield refused(
            "vocabulary",
            _TP,
            f"{tp} does not divide the model's vocabulary of {words}, which vLLM pads to {padded}",
            "take a power of two",
        )


def _pipeline_layers(case: Case) -> Iterator[Finding]:
    pp = case.manifest.serve.pipeline_parallel_size
    if case.config and 0 < case.config.layers < pp:
        yield refused(
            "pipeline-layers",
            _PP,
            f"{pp} stages for a model of {case.config.layers} layers",
            f"take {case.config.layers} at most",
        )


def _quantized_split(case: Case) -> Iterator[Finding]:
    """Of each GPU's share of the quantized matrices, in the shapes of a dense decoder."""
    kernel, tp = kernel_of(case), case.manifest.serve.tensor_parallel_size
    if not case.config or not kernel or not case.config.intermediate:
        return
    if problem := _split_problem(case, kernel, tp):
        yield refused(
            "quantized-split",
            _TP,
            f"{kernel} cannot cut the model in {tp}: {problem}",
            f"take {_sizes_that_fit(case, kernel)}, and pipeline_parallel_size for the rest of the GPUs",
        )


def _split_problem(case: Case, kernel: str, tp: int) -> str:
    config = case.config
    if config is None:
        return ""
    group = config.group_size if config.group_size > 0 else 1
    inputs = (("intermediate_size", config.intermediate), ("attention width", config.heads * config.head_size))
    for name, size in inputs:
        for step in (group, _MARLIN_IN) if "marlin" in kernel else (group,):
            if size % (tp * step):
                return f"{name} {size} / {tp} is {size / tp:g}, no multiple of {step}"
    if "marlin" in kernel and config.intermediate % (tp * _MARLIN_OUT):
        return f"intermediate_size {config.intermediate} / {tp} is no multiple of {_MARLIN_OUT}"
    return ""


def _sizes_that_fit(case: Case, kernel: str) -> str:
    gpus = case.manifest.cluster.nodes * case.manifest.cluster.gpus_per_node
    fitting = [str(tp) for tp in range(1, gpus + 1) if gpus % tp == 0 and not _split_problem(case, kernel, tp)]
    return " or ".join(fitting) or "a model quantized with a smaller group size"


def _divisors(number: int) -> str:
    return ", ".join(str(size) for size in range(1, number + 1) if number % size == 0)


RULES: Final[Rules] = {
    "parallel-sizes": _parallel_sizes,
    "attention-heads": _attention_heads,
    "kv-heads": _kv_heads,
    "vocabulary": _vocabulary,
    "pipeline-layers": _pipeline_layers,
    "quantized-split": _quantized_split,
}
