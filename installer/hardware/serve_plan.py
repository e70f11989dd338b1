"""Whether a model fits on GPUs, cut in which way, and with how long requests."""

from collections.abc import Iterator
from dataclasses import dataclass

from installer.hardware.advice import Advice, advice_on, kernel_that_runs
from installer.hardware.gpu_sets import GpuSet
from installer.hardware.memory import Load, Memory, least_utilization, longest_that_fits, memory_of
from installer.hardware.model_shape import unknown_parts
from installer.hardware.parallel import Cutting, Refusal, Split, doubt, liking, refusals, splits, world_refusal
from installer.hardware.ranges import Range
from installer.hardware.serving import Serving
from installer.index.model_shape import ModelShape

FITS, PERHAPS, DOES_NOT_FIT = "fits", "perhaps", "does not fit"
_ORDER = (DOES_NOT_FIT, PERHAPS, FITS)


@dataclass(frozen=True)
class Subject:
    """What is to be served on what. ``weights`` are the bytes of the model's weight files, 0 if nobody knows."""

    shape: ModelShape
    weights: int
    gpus: GpuSet
    serving: Serving
    has_rdma: bool = False

    @property
    def kernel(self) -> str:
        return kernel_that_runs(self.shape, self.serving, self.gpus.capability)

    @property
    def cutting(self) -> Cutting:
        return Cutting(self.kernel, self.serving.vllm, self.serving.keeps_experts_whole)

    @property
    def length(self) -> int:
        """Of the longest request that the server must bear."""
        return self.serving.length or self.shape.longest

    @property
    def unknown(self) -> str:
        """Why no memory can be computed; "" where it can."""
        if self.serving.beyond:
            return f"--{self.serving.beyond} changes what memory is used for"
        if self.serving.stretched and not self.serving.length:
            return f"--{self.serving.stretched} says how long requests may be, and no max_model_len does"
        if not self.weights:
            return "the size of its weights is not known"
        return unknown_parts(self.shape)


@dataclass(frozen=True)
class Option:
    """One way to cut. ``memory``, ``longest`` and ``utilization`` are None where ``refusals`` or the model forbid them.

    ``utilization`` is in hundredths: the least with which the wanted length fits.
    """

    split: Split
    refusals: tuple[Refusal, ...]
    memory: Memory | None
    longest: Range | None
    utilization: Range | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class ServePlan:
    """``best`` is None where no way fits, not even perhaps. ``advice`` holds for all ways."""

    subject: Subject
    options: tuple[Option, ...]
    best: Option | None
    advice: tuple[Advice, ...]


def plan_serving(subject: Subject) -> ServePlan:
    """Every way to use all of the GPUs, the best of which fits, stays in the machines and is widest."""
    options = tuple(judge(subject, split) for split in splits(subject.gpus.count))
    possible = [option for option in options if option.verdict != DOES_NOT_FIT]
    best = max(possible, key=lambda option: _rank(subject, option), default=None)
    return ServePlan(subject, options, best, tuple(_advice(subject)))


def judge(subject: Subject, split: Split) -> Option:
    """One way, also one that does not use all of the GPUs: that is refused."""
    found = tuple(_refusals(subject, split))
    if found:
        return Option(split, found, None, None, None, DOES_NOT_FIT, found[0].what)
    if subject.unknown:
        return Option(split, (), None, None, None, PERHAPS, f"{subject.unknown}, so its memory cannot be foretold")
    load = Load(subject.shape, subject.weights, subject.gpus, split, subject.serving, subject.kernel)
    memory = memory_of(load, subject.length)
    verdict, reason = _verdict(memory, subject)
    if verdict == FITS and (unsure := doubt(subject.shape, split, subject.cutting)):
        verdict, reason = PERHAPS, unsure
    return Option(split, (), memory, longest_that_fits(load), least_utilization(load, subject.length), verdict, reason)


def _refusals(subject: Subject, split: Split) -> Iterator[Refusal]:
    if world := world_refusal(split, subject.gpus.nodes, subject.gpus.per_node):
        yield world
    yield from refusals(subject.shape, split, subject.cutting)
    yield from (Refusal(advice.name, advice.what) for advice in _advice(subject) if advice.is_refusal)
    longest, wanted = subject.shape.longest, subject.serving.length
    if longest and wanted > longest and not subject.serving.may_exceed:
        yield Refusal("max-model-len", f"max_model_len {wanted} > {longest}, the most that the model was made for")


def _advice(subject: Subject) -> Iterator[Advice]:
    return advice_on(subject.shape, subject.serving, subject.gpus)


def _verdict(memory: Memory, subject: Subject) -> tuple[str, str]:
    tokens, length = memory.tokens, subject.length
    place = "a stage's share of the cache" if memory.load.shares > 1 else "the cache"
    if tokens.high < length:
        return DOES_NOT_FIT, _shortage(memory, length)
    if tokens.low < length:
        return PERHAPS, f"{place} holds {_span(tokens)} tokens, and one request of {length} must go into it"
    if subject.shape.is_multimodal:
        return PERHAPS, "what the model sees or hears takes memory that is not in this sum"
    return FITS, f"{place} holds {_span(tokens)} tokens, {tokens.low / length:.1f} requests of {length} at least"


def _shortage(memory: Memory, length: int) -> str:
    """In the words with which vLLM would end."""
    if memory.blocks.likely <= 0:
        return "No available memory for the cache blocks: weights and activation leave nothing of what vLLM may use"
    return (
        f"the model's max seq len ({length}) is larger than the maximum number of tokens that can be stored in KV "
        f"cache ({_span(memory.tokens)})"
    )


def _rank(subject: Subject, option: Option) -> tuple[int, bool, int]:
    fast, size = liking(option.split, subject.gpus.per_node, has_rdma=subject.has_rdma)
    return _ORDER.index(option.verdict), fast, size


def _span(found: Range) -> str:
    return f"{found.low} to {found.high}"
