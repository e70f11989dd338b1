"""Into how many pieces a model can be cut, and which way of cutting it suits the nodes best."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.hardware.experts import expert_step
from installer.hardware.releases import Release, dotted
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
class Cutting:
    """What decides, besides a model's shape, how it can be cut.

    ``kernel`` is the quantization that will run, "" for none; ``vllm`` None where nobody knows it.
    """

    kernel: str
    vllm: Release | None
    keeps_experts_whole: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a size cannot be: ``what`` shows the arithmetic."""

    name: str
    what: str


def splits(world: int) -> Iterator[Split]:
    """All whose product is ``world``, the widest last."""
    return (Split(tp, world // tp) for tp in range(1, world + 1) if world % tp == 0)


def refusals(shape: ModelShape, split: Split, cutting: Cutting) -> tuple[Refusal, ...]:
    """What config.json does not say is not looked at."""
    return tuple(refusal for check in _CHECKS for refusal in check(shape, split, cutting))


def doubt(shape: ModelShape, split: Split, cutting: Cutting) -> str:
    """Why nobody can say whether this release cuts the quantized experts so; "" where it is known."""
    share = _expert_share(shape, cutting)
    if share is None or share.is_known or share.fits(split.tp):
        return ""
    vllm = dotted(cutting.vllm) if cutting.vllm else "an unknown release"
    return f"{share.sum(split.tp)}: whether {cutting.kernel} of vLLM {vllm} can cut it so is not known"


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


def _attention_heads(shape: ModelShape, split: Split, _cutting: Cutting) -> Iterator[Refusal]:
    if rest := shape.heads % split.tp:
        yield Refusal(
            "attention-heads",
            f"{shape.heads} % {split.tp} = {rest}: tensor_parallel_size {split.tp} does not divide the model's "
            f"{shape.heads} attention heads",
        )


def _kv_heads(shape: ModelShape, split: Split, _cutting: Cutting) -> Iterator[Refusal]:
    kv_heads, tp = shape.kv_heads, split.tp
    if kv_heads and kv_heads % tp and tp % kv_heads:
        yield Refusal(
            "kv-heads",
            f"{kv_heads} % {tp} = {kv_heads % tp} and {tp} % {kv_heads} = {tp % kv_heads}: tensor_parallel_size {tp} "
            f"neither divides the model's {kv_heads} KV heads nor is a multiple of them",
        )


def _vocabulary(shape: ModelShape, split: Split, _cutting: Cutting) -> Iterator[Refusal]:
    padded = -(-shape.vocabulary // _VOCABULARY_PADDING) * _VOCABULARY_PADDING
    if rest := padded % split.tp:
        yield Refusal(
            "vocabulary",
            f"{padded} % {split.tp} = {rest}: tensor_parallel_size {split.tp} does not divide the model's vocabulary "
            f"of {shape.vocabulary}, which vLLM pads to {padded}",
        )


def _pipeline_layers(shape: ModelShape, split: Split, _cutting: Cutting) -> Iterator[Refusal]:
    if 0 < shape.layers < split.pp:
        yield Refusal("pipeline-layers", f"{split.pp} > {shape.layers}: more pipeline stages than the model has layers")


def _quantized_split(shape: ModelShape, split: Split, cutting: Cutting) -> Iterator[Refusal]:
    """The first part that does not fit is enough."""
    if not _is_in_groups(cutting.kernel):
        return
    for share in _shares(shape, split.tp, cutting):
        if share.is_known and not share.fits(split.tp):
            what = f"{share.sum(split.tp)}: {cutting.kernel} needs a multiple of {share.step} on each GPU"
            yield Refusal("quantized-split", what)
            return


def _is_in_groups(kernel: str) -> bool:
    return any(name in kernel for name in _IN_GROUPS)


@dataclass(frozen=True)
class _Share:
    """``size`` is cut, and each GPU's part a multiple of ``step``; if not ``is_known``, perhaps of less only."""

    name: str
    size: int
    step: int
    is_known: bool = True

    def fits(self, tp: int) -> bool:
        return self.size % (tp * self.step) == 0

    def sum(self, tp: int) -> str:
        each = self.size / tp
        return f"{self.name} {self.size} / {tp} = {each:g} = {each / self.step:g} x {self.step}"


def _shares(shape: ModelShape, tp: int, cutting: Cutting) -> Iterator[_Share]:
    kernel, group = cutting.kernel, shape.group_size or 1
    if expert := _expert_share(shape, cutting):
        yield expert
    elif not shape.experts:
        yield from _inputs("intermediate_size", shape.intermediate, group, kernel)
        if "marlin" in kernel:
            yield _Share("intermediate_size", shape.intermediate, _MARLIN_OUT)
    yield from _inputs("attention width", shape.heads * shape.value_size, group, kernel)
    yield from _latent_outputs(shape, group, kernel) if shape.latent else _outputs(shape, tp, kernel)


def _expert_share(shape: ModelShape, cutting: Cutting) -> _Share | None:
    if not shape.experts or cutting.keeps_experts_whole or not _is_in_groups(cutting.kernel):
        return None
    step = expert_step(cutting.kernel, cutting.vllm, shape.experts, shape.group_size)
    return _Share("intermediate_size of an expert", shape.expert_intermediate, step.size, step.is_known)


def _inputs(name: str, size: int, group: int, kernel: str) -> Iterator[_Share]:
    yield _Share(name, size, group)
    if "marlin" in kernel:
        yield _Share(name, size, _MARLIN_IN)


def _outputs(shape: ModelShape, tp: int, kernel: str) -> Iterator[_Share]:
    if "marlin" in kernel and shape.kv_heads % tp == 0:  # else each GPU keeps whole KV heads
        size = shape.heads * shape.head_size + shape.kv_heads * (shape.head_size + shape.value_size)
        yield _Share("queries, keys and values", size, _MARLIN_OUT)


def _latent_outputs(shape: ModelShape, group: int, kernel: str) -> Iterator[_Share]:
    """q_b_proj (or q_proj) and kv_b_proj, as vLLM's deepseek_v2.py has them; what leads to them is on every GPU."""
    step = _MARLIN_OUT if "marlin" in kernel else group if "fp8" in kernel else 1
    yield _Share("queries", shape.heads * shape.head_size, step)
    yield _Share("keys and values", shape.heads * (shape.unrotated + shape.value_size), step)


_CHECKS: tuple[Callable[[ModelShape, Split, Cutting], Iterator[Refusal]], ...] = (
    _attention_heads,
    _kv_heads,
    _vocabulary,
    _pipeline_layers,
    _quantized_split,
)
