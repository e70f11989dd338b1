"""Whether a serve plan is a refusal: of what the manifest asks for, or of all GPUs that a person asks about."""

from dataclasses import replace

from installer.errors import AirgapError, RefusedError, UsageError
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import DOES_NOT_FIT, Option, ServePlan, Subject, judge
from installer.hardware.serve_words import headline, settings_to_try

_OTHERS = "take more GPUs or larger ones, a smaller model, or a shorter serve.max_model_len"


def own_way(plan: ServePlan, wanted: Split) -> Option:
    """The manifest's way to cut, ``wanted``, which may be none that uses all of the GPUs."""
    return next((option for option in plan.options if option.split == wanted), None) or judge(plan.subject, wanted)


def telling_way(plan: ServePlan, own: Option) -> Option:
    """Of which a person wants the sum: ``own``, but for one that is refused before there is any to be made."""
    ways = (own, plan.best, *plan.options)
    return next((way for way in ways if way and way.memory), plan.best or own)


def needs_weights(subject: Subject) -> bool:
    """Whether their size is all that is lacking for the memory to be foretold."""
    return bool(subject.unknown) and not replace(subject, weights=1).unknown


def refusal_of_own(plan: ServePlan, own: Option) -> AirgapError | None:
    """Of what the manifest asks for, in the class that lint has for it; None where it fits, perhaps."""
    if own.verdict != DOES_NOT_FIT:
        return None
    is_mistaken = own.split.world != plan.subject.gpus.count
    return (UsageError if is_mistaken else RefusedError)(headline(plan.subject, own), hint=_way_out(plan, own))


def refusal_of_all(plan: ServePlan, own: Option) -> AirgapError | None:
    """Of GPUs that a person asks about. Where the manifest is for as many it means these; else the best way counts."""
    if own.split.world == plan.subject.gpus.count:
        return refusal_of_own(plan, own)
    return None if plan.best else RefusedError(f"nothing fits on {plan.subject.gpus.text}", hint=_OTHERS)


def _way_out(plan: ServePlan, own: Option) -> str:
    if tries := settings_to_try(own):
        return " or ".join(f"serve.{setting.replace('=', ': ')}" for setting in tries)
    if plan.best:
        best = plan.best.split
        return f"serve.tensor_parallel_size: {best.tp} and serve.pipeline_parallel_size: {best.pp}"
    return _OTHERS
