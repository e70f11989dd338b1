"""Into how many pieces a model can be cut, and which way of cutting it suits the nodes best."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.index.model_shape import ModelShape

_VOCABULARY_PADDING = 64  # vLLM's DEFAULT_VOCAB_PADDING_SIZE
# What Marlin's kernels want of each GPU's share of a matrix: GPTQ_MARLIN_MIN_THREAD_N and _K.
_MARLIN_OUT = 64
_MARLIN_IN = 128
_IN_GROUPS = ("gptq", "awq", "marlin", "compressed-tensors", "wna16", "fp8")


@dataclass(frozen=True)
class Split:
    """tensor_parallel_size and pipeline_parallel_size."""

    tp: int
    pp: int

    @property
    def world(self) -> int:
        return self.tp * self.pp

    @property
    def text(self) -> str:
        return f"tp {self.tp} x pp {self.pp}"


@dataclass(frozen=True)
class Refusal:
    """Why a size cannot be: ``what`` shows the arithmetic."""

    name: str
    what: str


def splits(world: int) -> Iterator[Split]:
    """All whose product is ``world``, the widest last."""
    return (Split(tp, world // tp) for tp in range(1, world + 1) if world % tp == 0)


def refusals(shape: ModelShape, split: Split, kernel: str) -> tuple[Refusal, ...]:
    """``kernel`` is the quantization that will run, "" for none. What config.json does not say is not looked at."""
    return tuple(refusal for check in _CHECKS for refusal in check(shape, split, kernel))


def world_refusal(split: Split, nodes: int, per_node: int) -> Refusal | None:
    gpus = nodes * per_node
    if split.world == gpus:
        return None
    return Refusal(
        "parallel-sizes",
        f"tensor_parallel_size {split.tp} x pipeline_parallel_size {split.pp} is {split.world}, but cluster has "
        f"{nodes} nodes x {per_node} GPUs = {gpus}",
    )


def liking(split: Split, per_node: int, *, has_rdma: bool) -> tuple[bool, int]:
    """The greater, the better: a tensor's pieces talk in every layer, so they stay where GPUs talk fast."""
    stays_fast = has_rdma or per_node % split.tp == 0
    return stays_fast, split.tp if stays_fast else -split.tp


def _attention_heads(shape: ModelShape, split: Split, _kernel: str) -> Iterator[Refusal]:
    if rest := shape.heads % split.tp:
        yield Refusal(
            "attention-heads",
            f"{shape.heads} % {split.tp} = {rest}: tensor_parallel_size {split.tp} does not divide the model's "
            f"{shape.heads} attention heads",
        )


def _kv_heads(shape: ModelShape, split: Split, _kernel: str) -> Iterator[Refusal]:
    kv_heads, tp = shape.kv_heads, split.tp
    if kv_heads and kv_heads % tp and tp % kv_heads:
        yield Refusal(
            "kv-heads",
            f"{kv_heads} % {tp} = {kv_heads % tp} and {tp} % {kv_heads} = {tp % kv_heads}: tensor_parallel_size {tp} "
            f"neither divides the model's {kv_heads} KV heads nor is a multiple of them",
        )


def _vocabulary(shape: ModelShape, split: Split, _kernel: str) -> Iterator[Refusal]:
    padded = -(-shape.vocabulary // _VOCABULARY_PADDING) * _VOCABULARY_PADDING
    if rest := padded % split.tp:
        yield Refusal(
            "vocabulary",
            f"{padded} % {split.tp} = {rest}: tensor_parallel_size {split.tp} does not divide the model's vocabulary "
            f"of {shape.vocabulary}, which vLLM pads to {padded}",
        )


def _pipeline_layers(shape: ModelShape, split: Split, _kernel: str) -> Iterator[Refusal]:
    if 0 < shape.layers < split.pp:
        yield Refusal("pipeline-layers", f"{split.pp} > {shape.layers}: more pipeline stages than the model has layers")


def _quantized_split(shape: ModelShape, split: Split, kernel: str) -> Iterator[Refusal]:
    """In the shapes of a dense decoder; the first that does not fit is enough."""
    if not any(name in kernel for name in _IN_GROUPS):
        return
    for name, size, step in _shares(shape, split.tp, kernel):
        if size % (split.tp * step):
            yield Refusal(
                "quantized-split",
                f"{name} {size} / {split.tp} = {size / split.tp:g} = {size / split.tp / step:g} x {step}: {kernel} "
                f"needs a multiple of {step} on each GPU",
            )
            return


def _shares(shape: ModelShape, tp: int, kernel: str) -> Iterator[tuple[str, int, int]]:
    """(What is cut, its size, what each GPU's part must be a multiple of.)"""
    group, width = shape.group_size or 1, shape.heads * shape.head_size
    inner = shape.expert_intermediate or shape.intermediate
    for name, size in (("intermediate_size", inner), ("attention width", width)):
        yield name, size, group
        if "marlin" in kernel:
            yield name, size, _MARLIN_IN
    if "marlin" in kernel:
        yield "intermediate_size", inner, _MARLIN_OUT
        if shape.kv_heads % tp == 0:  # else each GPU keeps whole KV heads
            yield "queries, keys and values", width + 2 * shape.kv_heads * shape.head_size, _MARLIN_OUT


_CHECKS: tuple[Callable[[ModelShape, Split, str], Iterator[Refusal]], ...] = (
    _attention_heads,
    _kv_heads,
    _vocabulary,
    _pipeline_layers,
    _quantized_split,
)
