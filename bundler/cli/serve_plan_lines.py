"""A serve plan as lines for people and as a document for programs."""

from collections.abc import Iterator

from installer.hardware.gpu_sets import GIB
from installer.hardware.parallel import Split
from installer.hardware.ranges import Range
from installer.hardware.serve_plan import Option, ServePlan, judge
from installer.hardware.serve_words import arithmetic, settings_to_try

_WHOLE = 100  # hundredths
_COLUMNS = "  {:14}{:13} {:>16} {:>16} {:>15} {:>12}"
_HEADING = _COLUMNS.format("", "", "weights a GPU", "cache a GPU", "max_model_len", "utilization")


def lines_of(plan: ServePlan, wanted: Split) -> Iterator[str]:
    """``wanted`` is the manifest's own way to cut, which may be another than any that uses all of the GPUs."""
    subject = plan.subject
    vllm = ".".join(map(str, subject.serving.vllm))
    yield (
        f"what fits on {subject.gpus.text} with vLLM {vllm}, gpu_memory_utilization {subject.serving.utilization:.2f} "
        f"and requests of {subject.length} tokens:"
    )
    yield _HEADING
    own = _own(plan, wanted)
    for option in (*plan.options, *(() if own in plan.options else (own,))):
        yield _row(option) + _mark(plan, option, wanted)
    if plan.best is None:
        yield "nothing fits: take more GPUs or larger ones, a smaller model, or a shorter max_model_len"
    shown = own if own.memory or not plan.best else plan.best
    yield f"the sum for {shown.split.text}, of which figures are a formula's and ranges what it may really be:"
    yield from (f"  {line}" for line in arithmetic(shown))
    if tries := settings_to_try(shown):
        yield f"try: {' or '.join(f'serve.{key}: {value}' for key, value in _pairs(tries))}"
    for advice in plan.advice:
        yield f"advice: {advice.what}; {advice.fix}"


def _mark(plan: ServePlan, option: Option, wanted: Split) -> str:
    marks = (("best", plan.best == option), ("the manifest", option.split == wanted))
    words = " and ".join(word for word, holds in marks if holds)
    return f"  <- {words}" if words else ""


def _row(option: Option) -> str:
    if option.memory is None or option.longest is None or option.utilization is None:
        words = "; ".join(refusal.what for refusal in option.refusals)
        return f"  {option.split.text:14}{'refused: ' + words if words else f'{option.verdict}: {option.reason}'}"
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


def _own(plan: ServePlan, wanted: Split) -> Option:
    return next((option for option in plan.options if option.split == wanted), None) or judge(plan.subject, wanted)


def _pairs(settings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for setting in settings:
        key, _, value = setting.partition("=")
        yield key, value


def _gibs(size: Range) -> str:
    return f"{_either(f'{size.low / GIB:.1f}', f'{size.high / GIB:.1f}')} GiB"


def document_of(plan: ServePlan, wanted: Split) -> dict[str, object]:
    subject = plan.subject
    return {
        "gpus": {
            "nodes": subject.gpus.nodes,
            "per_node": subject.gpus.per_node,
            "name": subject.gpus.name,
            "usable_bytes": subject.gpus.usable.document(),
        },
        "vllm": ".".join(map(str, subject.serving.vllm)),
        "utilization": f"{subject.serving.utilization:.2f}",
        "length": subject.length,
        "model": subject.shape.document(),
        "weights_bytes": subject.weights,
        "options": [_option(option) for option in plan.options],
        "best": _split(plan.best.split) if plan.best else None,
        "manifest": _option(_own(plan, wanted)),
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
