"""The sums of a serve plan, written out for people."""

from collections.abc import Iterator

from installer.hardware.gpu_sets import GIB, MIB
from installer.hardware.memory import BLOCK, Load, Memory
from installer.hardware.parallel import liking
from installer.hardware.ranges import Range
from installer.hardware.serve_plan import DOES_NOT_FIT, PERHAPS, Option, Subject

_WHOLE = 100  # hundredths
_HIGHEST_ADVISED = 95  # of gpu_memory_utilization, in hundredths: CUDA graphs and fragments need the rest
_UNITS = ((GIB, "GiB"), (MIB, "MiB"), (1 << 10, "KiB"))
_PARTS = 20  # of a unit, the least that is told in it
_ROUND = 256  # tokens; a max_model_len that a person can read


def arithmetic(option: Option) -> tuple[str, ...]:
    """How the verdict came about, a line a step; of what is refused, every reason."""
    if option.refusals:
        return tuple(refusal.what for refusal in option.refusals)
    return tuple(_sums(option.memory)) if option.memory else (option.reason,)


def _sums(memory: Memory) -> Iterator[str]:
    load, likely = memory.load, memory.likely
    yield f"weights     {_gib(load.weights)} of files are {_gibs(memory.weights)} on each GPU at {load.split.text}"
    yield f"activation  {_gibs(memory.activation)} while vLLM measures"
    graphs = f", CUDA graphs {_gib(likely.graphs)}" if likely.graphs else ""
    yield (
        f"cache       {_gib(likely.usable)} x {load.serving.utilization:.2f} = {_gib(likely.granted)}; less weights "
        f"{_gib(likely.weights)}, activation {_gib(likely.activation)}, CUDA and NCCL {_gib(likely.non_torch)}{graphs} "
        f"= {_gib(likely.cache)} ({_gibs(memory.cache)})"
    )
    yield f"a token     {_token(load)} = {load.token_bytes} bytes"
    shares = f" in {load.shares} shares" if load.shares > 1 else ""
    yield (
        f"tokens      {likely.cache} // ({BLOCK} x {load.token_bytes}) = {memory.blocks.likely} blocks of {BLOCK}"
        f"{shares} = {memory.tokens.likely} tokens ({memory.tokens.low} to {memory.tokens.high}); "
        f"one request has {memory.length}"
    )


def _token(load: Load) -> str:
    return (
        f"2 x {load.stage_layers} layers x {load.kv_heads} KV heads x {load.shape.head_size} x {load.serving.kv_bytes}"
    )


def length_to_try(option: Option) -> int:
    """A max_model_len that should fit, less than what was asked for; 0 where none is known."""
    if option.longest is None or option.memory is None or option.memory.tokens.low >= option.memory.length:
        return 0
    found = option.longest.low or option.longest.likely
    return found // _ROUND * _ROUND or found


def utilization_to_try(option: Option) -> str:
    """A gpu_memory_utilization with which the length that was asked for should fit; "" where none is reasonable."""
    if option.utilization is None or option.memory is None or option.memory.tokens.low >= option.memory.length:
        return ""
    found = option.utilization.high
    told = round(_WHOLE * option.memory.load.serving.utilization)
    return f"{found / _WHOLE:.2f}" if told < found <= _HIGHEST_ADVISED else ""


def settings_to_try(option: Option) -> tuple[str, ...]:
    """KEY=VALUE each, of which one is enough."""
    share, length = utilization_to_try(option), length_to_try(option)
    return (
        *((f"gpu_memory_utilization={share}",) if share else ()),
        *((f"max_model_len={length}",) if length else ()),
    )


def why_best(subject: Subject, best: Option, other: Option) -> str:
    """By what `plan_serving` ranks ``best`` higher than ``other``, which is another way."""
    if best.verdict != other.verdict:
        return f"{best.split.text} {_ends(best)}, {other.split.text} {_ends(other)}"
    per_node = subject.gpus.per_node
    stays = _stays(subject, best)
    node = f"a node of {per_node} {'GPU' if per_node == 1 else 'GPUs'}"
    if stays and not _stays(subject, other):
        return f"tp talks in every layer, so it stays in {node}; pp goes from node to node"
    if stays:
        place = "as RDMA joins the nodes" if subject.has_rdma else f"that stays in {node}"
        return f"the widest tp {place} answers soonest"
    return f"tp talks in every layer, and neither stays in {node}: the narrower talks less from node to node"


def _stays(subject: Subject, option: Option) -> bool:
    """Where a tensor's pieces talk fast."""
    stays, _ = liking(option.split, subject.gpus.per_node, has_rdma=subject.has_rdma)
    return stays


def _ends(option: Option) -> str:
    """How a sentence of ``option`` ends."""
    return "is refused" if option.refusals else {PERHAPS: "fits perhaps"}.get(option.verdict, option.verdict)


def headline(subject: Subject, option: Option) -> str:
    """One line: which model, cut how, on what, and whether it fits."""
    name = subject.shape.architecture or subject.shape.model_type or "the model"
    kind = f" in {subject.kernel}" if subject.kernel else ""
    verdict = "is refused" if option.refusals else option.verdict
    wanted = f" with requests of {subject.length} tokens" if option.memory and option.verdict != DOES_NOT_FIT else ""
    return f"{name}{kind} at {option.split.text} on {subject.gpus.text} {verdict}{wanted}: {option.reason}"


def _gib(size: int) -> str:
    unit, name = _unit_of(size)
    return f"{size / unit:.2f} {name}"


def _gibs(size: Range) -> str:
    unit, name = _unit_of(size.high)
    return f"{size.low / unit:.2f} to {size.high / unit:.2f} {name}"


def _unit_of(size: int) -> tuple[int, str]:
    """GiB for all but what is next to nothing of one, as a tiny model is."""
    return next((unit for unit in _UNITS if abs(size) >= unit[0] / _PARTS), _UNITS[0])
