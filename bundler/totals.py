"""How far the files of one fetch are together: the sum is known before the first byte."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Lock
from types import TracebackType
from typing import Self

from bundler.cache import Cache
from bundler.needs import Sized
from bundler.progress import Advance, Meter, also_moving, counting

_WHAT = "total"


class Overall:
    """The Meter of a whole build: one total moves by all that ``with_total`` is told of, at whatever stage."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._open = ExitStack()
        self._lock = Lock()
        self._left = 0  # bytes
        self._advance: Advance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def __call__(self, what: str, total: int | None, /, *, done: int = 0) -> AbstractContextManager[Advance]:
        return self._meter(what, total, done=done)

    def expect(self, files: Iterable[Sized], cache: Cache) -> None:
        """What ``cache`` lacks of them is the total, unless there is one already."""
        lacking = _different(file for file in files if file.sha256 not in cache)
        total, there = _sum(lacking, cache)
        if self._advance is None and len(lacking) > 1:
            self._left = total - there
            self._advance = self._open.enter_context(self._meter(_WHAT, total, done=there))

    @property
    def counted(self) -> Meter | None:
        """None where no total is shown."""
        return also_moving(self._meter, lambda: self._move) if self._left else None

    def _move(self, count: int) -> None:
        with self._lock:
            if self._advance and self._left > 0:
                self._left -= count
                self._advance(count)
                if self._left <= 0:
                    self._open.close()  # what comes twice moves nothing


@contextmanager
def with_total(files: Iterable[Sized], cache: Cache, meter: Meter) -> Iterator[Meter]:
    """A Meter for ``files`` that also shows their total; what the cache has of them is done from the start."""
    if isinstance(meter, Overall) and meter.counted:
        yield meter.counted
        return
    different = _different(files)
    total, there = _sum(different, cache)
    if len(different) < 2 or there == total:  # noqa: PLR2004 # one bar says it all, or there is nothing to say
        yield meter
        return
    with counting(meter, _WHAT, total, there) as counted:
        yield counted


def _different(files: Iterable[Sized]) -> Collection[Sized]:
    return {file.sha256 or file: file for file in files}.values()


def _sum(different: Iterable[Sized], cache: Cache) -> tuple[int, int]:
    """Bytes in all, and those of them that are there."""
    files = tuple(different)
    there = sum(min(cache.arrived(file.sha256), file.size) for file in files if file.sha256)
    return sum(file.size for file in files), there
