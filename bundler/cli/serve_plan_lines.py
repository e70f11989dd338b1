"""A serve plan as lines for people and as a document for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from bundler.serve_verdict import needs_weights, telling_way
from installer.hardware.gpu_sets import GIB
from installer.hardware.parallel import Split
from installer.hardware.ranges import Range
from installer.hardware.releases import dotted
from installer.hardware.serve_plan import DOES_NOT_FIT, Option, ServePlan, Subject
from installer.hardware.serve_words import arithmetic, settings_to_try, why_best

_WHOLE = 100  # hundredths
_SPLIT = 16  # columns in front of what is said of a way to cut
_SUM = 14  # columns in front of a sum
_COLUMNS = "  {:13} {:12}{:>11} {:>11} {:>14} {:>11}"
_HEADING = _COLUMNS.format("on each GPU", "", "weights GiB", "cache GiB", "max_model_len", "utilization")
_LEGEND = (
    "  (tp: tensor_parallel_size, pp: pipeline_parallel_size; max_model_len: the longest that fits, utilization: the "
    "least gpu_memory_utilization that will do)"
)


@dataclass(frozen=True)
class Line:
    """``hanging`` are the columns in front of what a terminal has no room for in the first row."""

    text: str
    hanging: int = 2


def lines_of(plan: ServePlan, own: Option) -> Iterator[Line]:
    """``own`` is the manifest's way to cut, which may be another than any that uses all of the GPUs."""
    yield Line(_question(plan.subject))
    yield Line(_HEADING)
    for option in (*plan.options, *(() if own in plan.options else (own,))):
        yield Line(_row(option), _SPLIT)
    yield Line(_LEGEND)
    yield Line(f"best          {plan.best.split.text if plan.best else 'none'}")
    yield Line(f"the manifest  {own.split.text}")
    if plan.best and plan.best.split != own.split:
        yield Line(f"why           {why_best(plan.subject, plan.best, own)}{_also_legal(own)}", _SUM)
    shown = telling_way(plan, own)
    yield Line(f"how that comes about for {shown.split.text} (one figure: by the formula; a range: what it may be):")
    yield from (Line(f"  {line}", _SUM) for line in arithmetic(shown))
    if tries := settings_to_try(shown):
        yield Line(f"try: {' or '.join(f'serve.{key}: {value}' for key, value in _pairs(tries))}")
    if needs_weights(plan.subject):
        yield Line("try: --weights SIZE, what the model's weight files have together: --weights 18G, say")
    for advice in plan.advice:
        yield Line(f"advice: {advice.what}; {advice.fix}")


def _also_legal(own: Option) -> str:
    return "" if own.verdict == DOES_NOT_FIT else f"; the manifest's {own.split.text} is allowed, too"


def _question(subject: Subject) -> str:
    length = f" and requests of {subject.length} tokens" if subject.length else ""
    return (
        f"what fits on {subject.gpus.text} with vLLM {'.'.join(map(str, subject.serving.vllm))}, "
        f"gpu_memory_utilization {subject.serving.utilization:.2f}{length}:"
    )


def _row(option: Option) -> str:
    if option.memory is None or option.longest is None or option.utilization is None:
        words = "; ".join(refusal.what for refusal in option.refusals)
        return f"  {option.split.text:13} {'refused: ' + words if words else f'{option.verdict}: {option.reason}'}"
    return _COLUMNS.format(
        option.split.text,
        option.verdict,
        _gibs(option.memory.weights),
        _gibs(option.memory.cache),
        _either(str(option.longest.low), str(option.longest.high)),
        "none" if option.utilization.low > _WHOLE else _either(*_shares(option.utilization)),
    )


def _shares(hundredths: Range) -> tuple[str, str]:
    """What asks for more than all of a GPU is more than it has."""
    low, high = hundredths.low / _WHOLE, hundredths.high / _WHOLE
    return f"{low:.2f}", f"{high:.2f}" if high <= 1 else "none"


def _either(low: str, high: str) -> str:
    return low if low == high else f"{low}..{high}"


def _pairs(settings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for setting in settings:
        key, _, value = setting.partition("=")
        yield key, value


def _gibs(size: Range) -> str:
    return _either(_in_gib(size.low), _in_gib(size.high))


def _in_gib(size: int) -> str:
    return "<0.1" if 0 < size < GIB / 20 else f"{size / GIB:.1f}"


def document_of(plan: ServePlan, own: Option) -> dict[str, object]:
    subject = plan.subject
    return {
        "gpus": {
            "nodes": subject.gpus.nodes,
            "per_node": subject.gpus.per_node,
            "name": subject.gpus.name,
            "usable_bytes": subject.gpus.usable.document(),
        },
        "vllm": dotted(subject.serving.vllm),
        "utilization": f"{subject.serving.utilization:.2f}",
        "length": subject.length,
        "model": subject.shape.document(),
        "weights_bytes": subject.weights,
        "options": [_option(option) for option in plan.options],
        "best": _split(plan.best.split) if plan.best else None,
        "manifest": _option(own),
        "advice": [{"name": advice.name, "what": advice.what, "fix": advice.fix} for advice in plan.advice],
    }


def _option(option: Option) -> dict[str, object]:
    return {
        **_split(option.split),
        "verdict": option.verdict,
        "reason": option.reason,
        "refusals": [{"name": refusal.name, "what": refusal.what} for refusal in option.refusals],
        "memory": _memory(option),
        "max_model_len": option.longest.document() if option.longest else None,
        "utilization_hundredths": option.utilization.document() if option.utilization else None,
        "try": dict(_pairs(settings_to_try(option))),
        "arithmetic": list(arithmetic(option)),
    }


def _memory(option: Option) -> dict[str, object] | None:
    """Of one GPU, in bytes."""
    if option.memory is None:
        return None
    return {
        "weights": option.memory.weights.document(),
        "activation": option.memory.activation.document(),
        "cache": option.memory.cache.document(),
        "token": option.memory.load.token_bytes,
        "blocks": option.memory.blocks.document(),
        "tokens": option.memory.tokens.document(),
    }


def _split(split: Split) -> dict[str, int]:
    return {"tensor_parallel_size": split.tp, "pipeline_parallel_size": split.pp}
