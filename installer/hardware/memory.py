"""What a model takes of each GPU's memory, and how many tokens then fit into the cache.

    kv_bytes_per_token = 2 * layers / pp * max(1, kv_heads // tp) * head_size * bytes
    cache              = usable * utilization - weights - activation - non_torch - graphs
    tokens             = cache // (16 * kv_bytes_per_token) // shares * 16

The activation is what vLLM measures by a batch made up for it, before it makes the cache: the larger of

    tokens of the batch * bytes * (3 * intermediate / tp + 3 * hidden)     one layer, all of it alive at once
    sequences of the batch * vocabulary * so many bytes                     the sampler, which is not cut
"""

from dataclasses import dataclass
from math import ceil

from installer.hardware.gpu_sets import MIB, GpuSet
from installer.hardware.parallel import Split
from installer.hardware.ranges import OPPOSITE, End, Range
from installer.hardware.serving import Serving, profiled_sequences, profiled_tokens, runs_v1
from installer.index.model_shape import ModelShape

BLOCK = 16  # tokens
_GRAPHS_COUNT_SINCE = (0, 21, 0)  # from here on V1 takes what CUDA graphs will need off the cache
_CHECKS_SHARES_SINCE = (0, 8, 0)  # older ones hold max_model_len against the whole cache
_LOADED = 0.95  # of the weights' files, at least: layers for speculation lie in them unused
_UNFUSED = "gptq"  # the kernel that unpacks a whole matrix before it multiplies


@dataclass(frozen=True)
class _View:
    """One way to see what is not known exactly. ``end`` is the end of the cache's range that it gives.

    All memory is in bytes; ``v0_logit`` and ``v1_logit`` are the sampler's, a logit.
    """

    end: End
    layer_factor: float
    v0_logit: float
    v1_logit: float
    alone: int  # CUDA's context and what else is not PyTorch's, on a single GPU
    joined: int  # the same with NCCL's buffers
    graphs: int
    weight_factor: float
    packed_on_the_way: float  # what is left of weights that are quantized while they are loaded


# Seen in V0's own words ("PyTorch activation peak memory takes"), 0.6.5 to 0.8.5: 38.6 to 41.2 bytes a logit for
# Llama-3-8B, Qwen2.5 0.5B and 1.5B, Qwen3-8B, R1-Distill-Qwen-7B; 2.02 GiB for Qwen2.5-1.5B at 32768 tokens, which is
# 1.05 layers; non_torch 0.05 to 0.12 GiB alone, 0.20 at tp 4 in one machine. Two T4 over a network: 1548 blocks at
# 0.95 and 4096 tokens, 271 at 32768, from which 1.07 and 515 MiB. V1 by the tokens that Llama-3-8B and Qwen3-8B had on
# H100 NVL and RTX 6000 Ada: 17; on L40S under 0.8.5 44.
_CAUTIOUS = _View("low", 1.15, 41.5, 44, 400 * MIB, 1024 * MIB, 1536 * MIB, 1.02, 1.0)
_LIKELY = _View("likely", 1.07, 38.6, 20, 150 * MIB, 515 * MIB, 700 * MIB, 1.0, 0.5)
_HOPEFUL = _View("high", 1.0, 30, 16, 50 * MIB, 200 * MIB, 100 * MIB, 1.0, 0.3)


@dataclass(frozen=True)
class Load:
    """A model on GPUs. ``weights`` are the bytes of its files; ``kernel`` is the quantization that will run."""

    shape: ModelShape
    weights: int
    gpus: GpuSet
    split: Split
    serving: Serving
    kernel: str

    @property
    def stage_layers(self) -> int:
        """Of the stage that has most."""
        return ceil(self.shape.layers / self.split.pp)

    @property
    def kv_heads(self) -> int:
        """On one GPU: fewer than one cannot be."""
        return max(1, self.shape.kv_heads // self.split.tp)

    @property
    def token_bytes(self) -> int:
        """Of the cache of one GPU, a token."""
        return 2 * self.stage_layers * self.kv_heads * self.shape.head_size * self.serving.kv_bytes

    @property
    def is_v1(self) -> bool:
        return runs_v1(self.serving, self.gpus.capability)

    @property
    def shares(self) -> int:
        """Into which the blocks of the cache are divided, each for requests of its own.

        V0 keeps as many batches under way as there are stages (cache_engine.py and scheduler.py of 0.6.0 to 0.9.2).
        Releases before 0.8 start all the same, and then ignore a request that is longer than a share (vllm#7039).
        """
        return 1 if self.is_v1 else self.split.pp

    @property
    def checked_shares(self) -> int:
        """Into which the cache is divided when vLLM holds max_model_len against it."""
        return self.shares if self.serving.vllm >= _CHECKS_SHARES_SINCE else 1

    @property
    def least_weights(self) -> int:
        """Bytes on all GPUs together, whatever kind of model it is."""
        return int(self.weights * _shrinking(self, _HOPEFUL) * _LOADED)

    @property
    def most_granted(self) -> int:
        """Bytes of all GPUs together, by gpu_memory_utilization."""
        return int(self.gpus.usable.high * self.serving.utilization) * self.split.world

    def cache_for(self, length: int) -> int:
        """Bytes of one GPU's cache in which one request of ``length`` tokens has room."""
        return ceil(length / BLOCK) * BLOCK * self.token_bytes * self.shares


@dataclass(frozen=True)
class Budget:
    """Of one GPU, in bytes, seen one way. ``cache`` may be less than nothing."""

    usable: int
    granted: int  # by gpu_memory_utilization
    weights: int
    activation: int
    non_torch: int
    graphs: int

    @property
    def taken(self) -> int:
        return self.weights + self.activation + self.non_torch + self.graphs

    @property
    def cache(self) -> int:
        return self.granted - self.taken


@dataclass(frozen=True)
class Memory:
    """What one GPU's memory goes to, for requests of ``length`` tokens."""

    load: Load
    length: int
    cautious: Budget
    likely: Budget
    hopeful: Budget

    @property
    def weights(self) -> Range:
        return Range(self.hopeful.weights, self.likely.weights, self.cautious.weights)

    @property
    def activation(self) -> Range:
        return Range(self.hopeful.activation, self.likely.activation, self.cautious.activation)

    @property
    def cache(self) -> Range:
        return Range(self.cautious.cache, self.likely.cache, self.hopeful.cache)

    @property
    def blocks(self) -> Range:
        """Of 16 tokens; fewer than none where not even the rest fits."""
        return self.cache.map(lambda cache: cache // (BLOCK * self.load.token_bytes))

    @property
    def tokens(self) -> Range:
        """That one request may have."""
        return self._tokens_in(self.load.shares)

    @property
    def checked_tokens(self) -> Range:
        """Without which vLLM does not start."""
        return self._tokens_in(self.load.checked_shares)

    def _tokens_in(self, shares: int) -> Range:
        return self.blocks.map(lambda blocks: max(0, blocks) // shares * BLOCK)


def memory_of(load: Load, length: int) -> Memory:
    return Memory(load, length, *(_budget(load, length, view) for view in (_CAUTIOUS, _LIKELY, _HOPEFUL)))


def longest_that_fits(load: Load) -> Range:
    """The max_model_len that a start would bear, up to the model's own or what is asked for beyond it; 0 for none."""
    return Range(*(_longest(load, view) for view in (_CAUTIOUS, _LIKELY, _HOPEFUL)))


def least_utilization(load: Load, length: int) -> Range:
    """gpu_memory_utilization, in hundredths, with which one request of ``length`` fits; above 100 none does."""
    return Range(*(_utilization(load, length, view) for view in (_HOPEFUL, _LIKELY, _CAUTIOUS)))


def _utilization(load: Load, length: int, view: _View) -> int:
    budget = _budget(load, length, view)
    return ceil(100 * (budget.taken + load.cache_for(length)) / max(1, budget.usable))


def _longest(load: Load, view: _View) -> int:
    """By halving: the longer a request, the less is left for it."""
    fits, beyond = 0, max(load.shape.longest, load.serving.length) // BLOCK + 1
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        if _budget(load, middle * BLOCK, view).cache >= load.cache_for(middle * BLOCK):
            fits = middle
        else:
            beyond = middle
    return fits * BLOCK


def _budget(load: Load, length: int, view: _View) -> Budget:
    usable = load.gpus.usable.at(view.end)
    counts_graphs = load.is_v1 and load.serving.vllm >= _GRAPHS_COUNT_SINCE and not load.serving.is_eager
    return Budget(
        usable=usable,
        granted=int(usable * load.serving.utilization),
        weights=int(_weights(load, view) * view.weight_factor),
        activation=max(
            _layer(load, length, view), _sampler(load, view, view.v1_logit if load.is_v1 else view.v0_logit)
        ),
        non_torch=view.joined if load.split.world > 1 else view.alone,
        graphs=view.graphs if counts_graphs else 0,
    )


def _weights(load: Load, view: _View) -> int:
    """Of the fullest stage: with several, each end has a matrix as large as the vocabulary besides its layers."""
    shape, split = load.shape, load.split
    total = int(load.weights * _shrinking(load, view))
    if split.pp == 1:
        return total // split.tp
    words = min(shape.vocabulary * shape.hidden * load.serving.weight_bytes, total)
    layers = max(0, total - words * (1 if shape.is_tied else 2))
    return (layers * load.stage_layers // shape.layers + words) // split.tp


def _shrinking(load: Load, view: _View) -> float:
    """Between the files and the GPU."""
    if load.serving.quantization and not load.shape.quantization:
        return view.packed_on_the_way
    is_whole = load.shape.dtype == "float32" and not load.shape.quantization
    return load.serving.weight_bytes / 4 if is_whole else 1.0


def _layer(load: Load, length: int, view: _View) -> int:
    shape, tp = load.shape, load.split.tp
    tokens = profiled_tokens(load.serving, length, load.gpus.capability, load.gpus.total)
    if shape.experts:
        width = shape.experts_per_token * (3 * shape.expert_intermediate / tp + shape.hidden) + 3 * shape.hidden
    else:
        width = 3 * shape.intermediate / tp + 3 * shape.hidden
    unpacked = shape.intermediate // tp * shape.hidden * 2 if load.kernel == _UNFUSED else 0
    return int(tokens * load.serving.weight_bytes * width * view.layer_factor) + unpacked


def _sampler(load: Load, view: _View, logit: float) -> int:
    sequences = profiled_sequences(load.serving, load.gpus.capability, load.gpus.total)
    return int(sequences.at(OPPOSITE[view.end]) * load.shape.vocabulary * logit)
