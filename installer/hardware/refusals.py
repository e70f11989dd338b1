"""What vLLM says when it refuses to start, and the value to try next.

The words are those of vLLM 0.6.4 to 0.33, V0 and V1; where releases differ, only what they have in common is asked for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from installer.index.settings import ClusterSettings, ServeSettings

_HIGHEST_UTILIZATION = 0.95
_LOWEST_UTILIZATION = 0.30  # below, nothing useful is left: the other process must go
_STEP = 0.05
_SHORT = 4096  # tokens; a max_model_len that is worth trying where nothing fits
_SWAP_SHARE = 0.4  # of a node's memory, from which on vLLM warns
_ROUND = 256  # tokens
_TOO_SMALL = "the GPUs have no room for this model: build the bundle for more of them, or with a smaller model"
_BUILD = "it cannot be set on site; build the bundle with"


@dataclass(frozen=True)
class Explanation:
    """``what`` happened, in vLLM's numbers, and ``hint``, what to type or to change."""

    what: str
    hint: str


@dataclass(frozen=True)
class _Asked:
    """What the server was told when it refused."""

    cluster: ClusterSettings
    serve: ServeSettings

    @property
    def utilization(self) -> float:
        return float(self.serve.gpu_memory_utilization)

    def try_setting(self, *pairs: str) -> str:
        where = " on every node" if self.cluster.backend == "mp" and self.cluster.nodes > 1 else ""
        return f"vllm-airgap install {' '.join(f'--set {pair}' for pair in pairs)}{where}"


_Answer = Callable[[re.Match[str], _Asked], Explanation]


def explain(lines: Sequence[str], cluster: ClusterSettings, serve: ServeSettings) -> Explanation | None:
    """The last refusal in the ``lines`` of a server's log that is known; None if there is none."""
    asked = _Asked(cluster, serve)
    for line in reversed(lines):
        for pattern, answer in _ANSWERS:
            if match := pattern.search(line):
                return answer(match, asked)
    return None


def _one_request(match: re.Match[str], asked: _Asked) -> Explanation:
    needed, there = float(match["needed"]), float(match["there"])
    share = int(int(match["length"]) * there / needed) if needed else 0
    estimate = int(match["estimate"] or 0) or share // _ROUND * _ROUND
    what = f"one request of {match['length']} tokens needs {needed} GiB of cache, {there} GiB are there"
    return Explanation(what, asked.try_setting(f"max_model_len={estimate}") if estimate else _TOO_SMALL)


def _longer_than_cache(match: re.Match[str], asked: _Asked) -> Explanation:
    there = int(match["there"])
    what = f"max_model_len {match['length']} is more than the {there} tokens that the cache holds"
    return Explanation(what, asked.try_setting(f"max_model_len={there}") if there else _TOO_SMALL)


def _no_cache(_match: re.Match[str], asked: _Asked) -> Explanation:
    """A shorter length also takes less while V0 measures, so both go together."""
    pairs = [f"gpu_memory_utilization={_HIGHEST_UTILIZATION}"] if asked.utilization < _HIGHEST_UTILIZATION else []
    if (asked.serve.max_model_len or _SHORT + 1) > _SHORT:
        pairs.append(f"max_model_len={_SHORT}")
    return Explanation("the model leaves no memory for the cache", asked.try_setting(*pairs) if pairs else _TOO_SMALL)


def _memory_taken(match: re.Match[str], asked: _Asked) -> Explanation:
    free, total = float(match["free"]), float(match["total"])
    share = floor(100 * free / total) / 100 - 0.01 if total else 0.0
    wanted = asked.serve.gpu_memory_utilization
    what = f"{free} of {total} GiB of a GPU are free, gpu_memory_utilization {wanted} wants more"
    stop = "stop what holds the GPU (nvidia-smi names it)"
    if share < _LOWEST_UTILIZATION:
        return Explanation(what, stop)
    return Explanation(what, f"{stop}, or {asked.try_setting(f'gpu_memory_utilization={share:.2f}')}")


def _heads(match: re.Match[str], asked: _Asked) -> Explanation:
    heads, tp, world = int(match["heads"]), int(match["tp"]), asked.serve.world_size
    rest = f"{heads} % {tp} = {heads % tp}" if tp else f"{heads} / {tp}"
    fitting = max((size for size in range(1, world + 1) if world % size == 0 and heads % size == 0), default=1)
    return Explanation(
        f"{rest}: tensor_parallel_size {tp} does not divide the model's {heads} attention heads",
        asked.try_setting(f"tensor_parallel_size={fitting}", f"pipeline_parallel_size={world // fitting}"),
    )


def _uneven_share(match: re.Match[str], asked: _Asked) -> Explanation:
    tp, world = asked.serve.tensor_parallel_size, asked.serve.world_size
    smaller = max((size for size in range(1, tp) if world % size == 0), default=0)
    pairs = (f"tensor_parallel_size={smaller}", f"pipeline_parallel_size={world // smaller}") if smaller else ()
    return Explanation(
        f"tensor_parallel_size {tp} cuts the quantized weights where their kernel cannot ({match[0][:100]})",
        asked.try_setting(*pairs) if pairs else f"{_BUILD} another model",
    )


def _capability(match: re.Match[str], _asked: _Asked) -> Explanation:
    method, least, found = match["method"] or "the model's quantization", match["least"], match["found"]
    marlin = "without --quantization, or with an image from v0.14.1 on, where Marlin runs from 7.5"
    return Explanation(
        f"{method} needs compute capability {_dotted(least)}" + (f", the GPU has {_dotted(found)}" if found else ""),
        f"{_BUILD} another model or a newer image" + (f": {marlin}" if "marlin" in method else ""),
    )


def _bfloat16(_match: re.Match[str], _asked: _Asked) -> Explanation:
    return Explanation(
        "the GPU has no bfloat16: it needs compute capability 8.0", f"{_BUILD} serve.args: [--dtype, half]"
    )


def _other_dtype(match: re.Match[str], _asked: _Asked) -> Explanation:
    return Explanation(
        f"{match['method']} does not compute in {match['dtype']}",
        f"{_BUILD} serve.args: [--dtype, {match['other'] or 'half'}]",
    )


def _short_batch(match: re.Match[str], asked: _Asked) -> Explanation:
    batch, length = match["batch"], match["length"]
    shorter = asked.try_setting(f"max_model_len={batch}")
    return Explanation(
        f"requests of {length} tokens do not go into a batch of {batch} (--max-num-batched-tokens)",
        f'{shorter}; or build the bundle with serve.args: [--max-num-batched-tokens, "{length}"]',
    )


def _few_gpus(match: re.Match[str], asked: _Asked) -> Explanation:
    return Explanation(
        f"{match['wanted']} GPUs are asked for, {match['there']} are there",
        f"nvidia-smi -L on every node: the cluster counts on {asked.cluster.gpus_per_node} each; a node with fewer has "
        "lost one, or the parallel sizes are too large (--set tensor_parallel_size=N --set pipeline_parallel_size=N)",
    )


def _swap_space(match: re.Match[str], asked: _Asked) -> Explanation:
    total = float(match["total"])
    each = int(_SWAP_SHARE * total / asked.serve.tensor_parallel_size)
    return Explanation(
        f"{match['swap']} GiB of swap space for the cache are too much for a node with {match['total']} GiB of memory",
        f'{_BUILD} serve.args: [--swap-space, "{each}"]',
    )


def _beyond_model(match: re.Match[str], asked: _Asked) -> Explanation:
    return Explanation(
        f"max_model_len {match['length']} is more than {match['most']}, which the model was made for",
        asked.try_setting(f"max_model_len={match['most']}"),
    )


def _out_of_memory(_match: re.Match[str], asked: _Asked) -> Explanation:
    lower = asked.utilization - _STEP
    return Explanation(
        "a GPU ran out of memory",
        f"{asked.try_setting(f'gpu_memory_utilization={lower:.2f}')} leaves more for all but the cache; "
        "if the weights alone do not fit, take more GPUs; nvidia-smi names what else holds them",
    )


def _same_address(_match: re.Match[str], _asked: _Asked) -> Explanation:
    return Explanation(
        "two nodes of the cluster have one address",
        "give each node its own: vllm-airgap install --node-ip IP, with an address of that very node",
    )


def _other_address(match: re.Match[str], _asked: _Asked) -> Explanation:
    return Explanation(
        f"no node of the cluster has what the server asks for ({match[0][:160]})",
        "each node must be up, with all its GPUs, under the address of its --node-ip: on each, journalctl -u "
        "vllm-airgap-node says what it waits for, nvidia-smi -L which GPUs it has; then vllm-airgap preflight",
    )


def _dotted(digits: str) -> str:
    """75 is 7.5, and 100 is 10.0."""
    return f"{digits[:-1]}.{digits[-1]}"


_NEEDED = (
    r"at least one request with the models?'s max seq len \((?P<length>\d+)\), \(?(?P<needed>[\d.]+) ?Gi?B KV cache"
)
_THERE = r" is needed, which is larger than the available KV cache memory \((?P<there>[\d.]+) ?Gi?B\)"
_ESTIMATE = r"(?:.*estimated maximum model length is (?P<estimate>\d+))?"
_LENGTH = r"max seq len \((?P<length>\d+)\) is larger than the maximum number of tokens that can be stored in KV cache "
_CURRENT = r"(?:\W*Current capability: (?P<found>\d+))?"
_WORLD = (
    r"(?:World|Tensor parallel) size \((?P<wanted>\d+)\) (?:is|cannot be) larger than the number of available GPUs "
)
_PLACES = (
    r"No available node types can fulfill resource request.{0,120}",
    r"Cannot provide a placement group requiring.{0,80}",
    r"number of required GPUs exceeds the total number of available GPUs.{0,40}",
    r"Ray does not allocate any GPUs on the driver node",
)
_WORDS: Mapping[str, _Answer] = {
    _NEEDED + _THERE + _ESTIMATE: _one_request,
    _LENGTH + r"\((?P<there>\d+)\)": _longer_than_cache,
    r"No available memory for the cache blocks": _no_cache,
    r"Free memory on device[^(]* \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than": _memory_taken,
    r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)": _heads,
    r"method (?P<method>\S+) is not supported for the current GPU\. Minimum capability: (?P<least>\d+)\."
    + _CURRENT: _capability,
    r"(?P<method>)scheme is not supported for \W*the current GPU\. Min capability: (?P<least>\d+)\."
    + _CURRENT: _capability,
    r"Bfloat16 is only supported on GPUs": _bfloat16,
    r"torch\.(?P<dtype>\w+) is not supported for quantization method (?P<method>[\w-]+)\."
    r"(?: Supported dtypes: \[torch\.(?P<other>\w+))?": _other_dtype,
    r"max_num_batched_tokens \((?P<batch>\d+)\) is smaller than max_model_len \((?P<length>\d+)\)": _short_batch,
    _WORLD + r"\((?P<there>\d+)\)": _few_gpus,
    r"Too large swap space\. (?P<swap>[\d.]+) GiB out of the (?P<total>[\d.]+) GiB total CPU memory": _swap_space,
    r"max_model_len \((?P<length>\d+)\) is greater than the derived max_model_len \([^)=]*="
    r"(?P<most>\d+)": _beyond_model,
    r"is not divisible by (?:min_thread|weight quantization block)_[kn] = \d+": _uneven_share,
    r"size is not aligned with the quantized weight shape": _uneven_share,
    r"Every node should have a unique IP address": _same_address,
    "|".join(_PLACES): _other_address,
    r"CUDA (?:driver )?(?:error: )?out of memory": _out_of_memory,
}
_ANSWERS = tuple((re.compile(words), answer) for words, answer in _WORDS.items())
