"""How far the files of one fetch are together: the sum is known before the first byte."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from bundler.cache import Cache
from bundler.progress import Meter, counting

_WHAT = "total"


class _File(Protocol):
    """``sha256`` is "" where nobody has told it yet."""

    @property
    def sha256(self) -> str: ...

    @property
    def size(self) -> int: ...


@contextmanager
def with_total(files: Iterable[_File], cache: Cache, meter: Meter) -> Iterator[Meter]:
    """A Meter for ``files`` that also shows their total; what the cache has of them is done from the start."""
    different = {file.sha256 or file: file for file in files}.values()
    total = sum(file.size for file in different)
    there = sum(min(cache.arrived(file.sha256), file.size) for file in different if file.sha256)
    if len(different) < 2 or there == total:  # noqa: PLR2004 # one bar says it all, or there is nothing to say
        yield meter
        return
    with counting(meter, _WHAT, total, there) as counted:
        yield counted
