"""A reading that goes on after a mistake, so that a person hears of all of them at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn, Self, TypeVar

from installer.errors import UsageError
from installer.index.strict import Value, WrittenPlace

_Found = TypeVar("_Found")
_WORD = "x"  # not empty, for some readers take that for a word that was left out


class _ToldError(UsageError):
    """Of a mistake that is written down already."""


@dataclass(frozen=True)
class PatientPlace(WrittenPlace):
    """Writes each path's first mistake down and gives a stand-in for the value: what is read is good for nothing else.

    A wrong choice ends its section, as what else is known there may hang on it.
    """

    mistakes: dict[str, UsageError] = field(default_factory=dict)

    @contextmanager
    def section(self) -> Iterator[None]:
        """Mistakes end the section at most. One that no place told may only follow from others, which come first."""
        before = len(self.mistakes)
        try:
            yield
        except _ToldError:
            pass
        except UsageError as error:
            if len(self.mistakes) == before:
                self.mistakes[str(error)] = error

    def fail(self, key: str, why: str, *, hint: str = "") -> NoReturn:
        self._tell(self.at(key), why, hint)

    def only(self, *keys: str) -> None:
        for key, value in self.values.items():
            alone = type(self)({key: value}, self.path, self.mistakes)
            self._or(None, partial(WrittenPlace.only, alone, *keys))

    def text(self, key: str, default: str | None = None) -> str:
        return self._or(default or _WORD, partial(super().text, key, default))

    def matching(self, key: str, pattern: str, meaning: str, default: str | None = None) -> str:
        return self._or(default or _WORD, partial(super().matching, key, pattern, meaning, default))

    def integer(self, key: str, least: int, most: int, default: int | None = None) -> int:
        return self._or(least if default is None else default, partial(super().integer, key, least, most, default))

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        return self._or(tuple(default or ()), partial(super().texts, key, default))

    def texts_by_name(self, key: str) -> dict[str, str]:
        return self._or({}, partial(super().texts_by_name, key))

    def inside(self, key: str) -> Self:
        return self._below(self._value(key), self.at(key))

    def each(self, key: str) -> Iterator[Self]:
        """The items that can be read at all."""
        value = self._value(key)
        if not isinstance(value, list):
            self.fail(key, "not a list")
        places = (partial(self._below, item, f"{self.at(key)}[{number}]") for number, item in enumerate(value))
        yield from filter(None, (self._or(None, place) for place in places))

    def _below(self, value: Value, path: str) -> Self:
        if not isinstance(value, dict):
            self._tell(path, "not a mapping")
        return type(self)(value, path, self.mistakes)

    def _tell(self, path: str, why: str, hint: str = "") -> NoReturn:
        error = _ToldError(f"{path}: {why}", hint=hint)
        self.mistakes.setdefault(path, error)
        raise error

    def _or(self, stand_in: _Found, read: Callable[[], _Found]) -> _Found:
        try:
            return read()
        except _ToldError:
            return stand_in
