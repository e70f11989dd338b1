"""The pieces of one part of the manifest, as many at a time as the person wants."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from bundler.parallel import in_parallel
from bundler.progress import Meter
from bundler.workplace import Workplace

_Item = TypeVar("_Item")
_Taken = TypeVar("_Taken")


def take_several(take: Callable[[_Item, Workplace], _Taken], items: Iterable[_Item], work: Workplace) -> list[_Taken]:
    """What ``take`` makes of each, in their order; the first error ends all."""
    taken: dict[int, _Taken] = {}

    def take_one(numbered: tuple[int, _Item], meter: Meter) -> None:
        number, item = numbered
        taken[number] = take(item, replace(work, meter=meter))

    in_parallel(take_one, enumerate(items), work.jobs, work.meter)
    return [taken[number] for number in sorted(taken)]
