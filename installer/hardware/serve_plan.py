"""Whether a model fits on GPUs, cut in which way, and with how long requests."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from installer.hardware.advice import Advice, advice_on, kernel_that_runs
from installer.hardware.gpu_sets import GIB, GpuSet
from installer.hardware.memory import Load, Memory, least_utilization, longest_that_fits, memory_of
from installer.hardware.model_shape import longest_without_windows, unknown_cache
from installer.hardware.parallel import Cutting, Refusal, Split, doubt, liking, refusals, splits, world_refusal
from installer.hardware.ranges import Range
from installer.hardware.serving import Serving, falls_back_without_ray
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
        return self.serving.length or self.longest

    @property
    def longest(self) -> int:
        """The most that the model was made for, as it is served."""
        return longest_without_windows(self.shape) if self.serving.narrows else self.shape.longest

    @property
    def unknown(self) -> str:
        """Why no memory can be computed; "" where it can."""
        if self.serving.beyond:
            return f"--{self.serving.beyond} changes what memory is used for"
        if self.serving.is_early_v1:
            return "VLLM_USE_V1 takes an engine that is not finished before 0.8"
        if self.serving.stretched and not self.serving.length:
            return f"--{self.serving.stretched} says how long requests may be, and no max_model_len does"
        if not self.weights:
            return "the size of its weights is not known"
        return unknown_cache(self.shape, self.length)


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
    shape = replace(subject.shape, longest=subject.longest)
    load = Load(shape, subject.weights, subject.gpus, split, subject.serving, subject.kernel)
    if subject.unknown:
        return Option(split, (), None, None, None, *_by_weights(load, subject))
    return _computed(load, subject)


def _computed(load: Load, subject: Subject) -> Option:
    """Where V0 runs unless ray does, it is taken to run: one node has no ray unless its manifest says so."""
    is_unsure = falls_back_without_ray(load.serving, load.split.pp, load.gpus.nodes)
    likely = replace(load, serving=replace(load.serving, told_v1="0")) if is_unsure else load
    memory = memory_of(likely, subject.length)
    verdict, reason = _verdict(memory, subject)
    under_ray, _ = _verdict(memory_of(load, subject.length), subject)
    if verdict != under_ray:
        verdict, reason = PERHAPS, f"with V0 where ray does not run the stages: {reason}; with V1: {under_ray}"
    if verdict == FITS and (unsure := doubt(subject.shape, load.split, subject.cutting)):
        verdict, reason = PERHAPS, unsure
    share = least_utilization(likely, subject.length)
    return Option(load.split, (), memory, longest_that_fits(likely), share, verdict, reason)


def _by_weights(load: Load, subject: Subject) -> tuple[str, str]:
    """What can be said without the cache: weights that are too much leave none of any kind."""
    if subject.serving.bounds_weights and load.least_weights > load.most_granted:
        return DOES_NOT_FIT, (
            f"the weights alone, {load.weights / GIB:.1f} GiB, are more than the {load.most_granted / GIB:.1f} GiB "
            f"that vLLM may use of {load.split.world} GPUs"
        )
    return PERHAPS, f"{subject.unknown}, so its memory cannot be foretold"


def _refusals(subject: Subject, split: Split) -> Iterator[Refusal]:
    if world := world_refusal(split, subject.gpus.nodes, subject.gpus.per_node):
        yield world
    yield from refusals(subject.shape, split, subject.cutting)
    yield from (Refusal(advice.name, advice.what) for advice in _advice(subject) if advice.is_refusal)
    longest, wanted = subject.longest, subject.serving.length
    if longest and wanted > longest and not subject.serving.may_exceed:
        how = " with --disable-sliding-window" if longest < subject.shape.longest else ""
        yield Refusal("max-model-len", f"max_model_len {wanted} > {longest}, the most that the model was made for{how}")


def _advice(subject: Subject) -> Iterator[Advice]:
    return advice_on(subject.shape, subject.serving, subject.gpus)


def _verdict(memory: Memory, subject: Subject) -> tuple[str, str]:
    tokens, length = memory.tokens, subject.length
    place = "a stage's share of the cache" if memory.load.shares > 1 else "the cache"
    if memory.checked_tokens.high < length:
        return DOES_NOT_FIT, _shortage(memory, length)
    if tokens.high < length:
        return PERHAPS, f"vLLM starts, and ignores requests that are longer than {place} holds, {_span(tokens)} tokens"
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
        f"cache ({_span(memory.checked_tokens)})"
    )


def _rank(subject: Subject, option: Option) -> tuple[int, bool, bool, int]:
    bears_length = option.memory is None or option.memory.tokens.high >= subject.length
    fast, size = liking(option.split, subject.gpus.per_node, has_rdma=subject.has_rdma)
    return _ORDER.index(option.verdict), bears_length, fast, size


def _span(found: Range) -> str:
    return f"{found.low} to {found.high}"
