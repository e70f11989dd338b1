"""The pieces of one part of the manifest, as many at a time as the person wants."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar

from bundler.parallel import in_parallel
from bundler.progress import Meter, summing
from bundler.workplace import Workplace

_Item = TypeVar("_Item")
_Taken = TypeVar("_Taken")


def take_several(
    what: str, take: Callable[[_Item, Workplace], _Taken], items: Sequence[_Item], work: Workplace
) -> list[_Taken]:
    """What ``take`` makes of each, in their order; the first error ends all. ``what`` they are, stands by their sum."""
    taken: dict[int, _Taken] = {}

    def take_one(numbered: tuple[int, _Item], meter: Meter) -> None:
        number, item = numbered
        taken[number] = take(item, replace(work, meter=meter))

    with summing(work.meter, what) if len(items) > 1 else nullcontext(work.meter) as meter:
        in_parallel(take_one, enumerate(items), work.jobs, meter)
    return [taken[number] for number in sorted(taken)]
