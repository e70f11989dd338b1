"""Strict JSON, and a reader that knows where in the document it stands."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, NoReturn, Self, cast

from installer.errors import AirgapError, MalformedError, UsageError, printable

DEEPEST = 12  # levels; the format needs six
LONGEST_TEXT = 4096  # characters of any one string
LARGEST_INTEGER = 2**63 - 1

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]


def parse_json(data: bytes, name: str) -> Value:
    """The document in ``data``; raise MalformedError for whatever two parsers might read differently."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{name}: not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise MalformedError(f"{name}: starts with a byte order mark")
    if _depth(text) > DEEPEST:
        raise MalformedError(f"{name}: nested deeper than {DEEPEST} levels")
    try:
        return cast(
            "Value",
            json.loads(
                text,
                object_pairs_hook=_no_duplicates,
                parse_int=_integer,
                parse_float=_no_float,
                parse_constant=_no_float,
            ),
        )
    except json.JSONDecodeError as error:
        raise MalformedError(f"{name}: not JSON: {printable(str(error))[:200]}") from None
    except ValueError as error:
        raise MalformedError(f"{name}: {printable(str(error))[:200]}") from None


# Each of them matches wherever it begins, so that no character is looked at twice, whatever a stranger sends.
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_ALL_BUT_BRACKETS = re.compile(r'"[^"]*"?|[^"\[\]{}]+')
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def _depth(text: str) -> int:
    """Right up to the first mistake in ``text``, beyond which nobody reads."""
    brackets = _ALL_BUT_BRACKETS.sub("", _ESCAPE.sub("", text))
    return max(accumulate(map(_DEEPER.__getitem__, brackets)), default=0)


def _no_duplicates(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _integer(text: str) -> int:
    if len(text) > len(str(LARGEST_INTEGER)) or not 0 <= int(text) <= LARGEST_INTEGER:
        raise ValueError(f"{text[:20]} is not a whole number from 0 to 2^63-1")
    return int(text)


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a whole number")


@dataclass(frozen=True)
class Place:
    """An object of a document being read, and its path, so that errors read ``model.repo: missing``."""

    values: Mapping[str, Value]
    path: str
    error: ClassVar[type[AirgapError]] = MalformedError

    @classmethod
    def of(cls, value: Value, path: str) -> Self:
        if not isinstance(value, dict):
            raise cls.error(f"{path or 'document'}: not a mapping")
        return cls(value, path)

    def at(self, key: str) -> str:
        return f"{self.path}.{printable(key)[:80]}" if self.path else printable(key)[:80]

    def fail(self, key: str, why: str, *, hint: str = "") -> NoReturn:
        raise self.error(f"{self.at(key)}: {why}", hint=hint)

    def only(self, *keys: str) -> None:
        """Refuse every key that is not one of ``keys``."""
        for key in self.values:
            if key not in keys:
                self.fail(key, "unknown key", hint=f"known here: {', '.join(keys)}")

    def has(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default)
        if not isinstance(value, str):
            self.fail(key, "not text")
        return self._checked_text(key, value)

    def matching(self, key: str, pattern: str, meaning: str, default: str | None = None) -> str:
        value = self.text(key, default)
        if not re.fullmatch(pattern, value):
            self.fail(key, f"{printable(value)[:80]!r} is not {meaning}")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            self.fail(key, f"{printable(value)[:80]!r} is not one of {', '.join(choices)}")
        return value

    def integer(self, key: str, least: int, most: int, default: int | None = None) -> int:
        value = self._number(self._value(key, default))
        if value is None:
            self.fail(key, "not a whole number")
        if not least <= value <= most:
            self.fail(key, f"{value} is not {least if least == most else f'between {least} and {most}'}")
        return value

    def boolean(self, key: str) -> bool:
        value = self._value(key)
        if not isinstance(value, bool):
            self.fail(key, "neither true nor false")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        value = self._value(key, list(default) if default is not None else None)
        if not isinstance(value, list):
            self.fail(key, "not a list")
        for item in value:
            if not isinstance(item, str):
                self.fail(key, "not a list of text")
        return tuple(self._checked_text(key, str(item)) for item in value)

    def texts_by_name(self, key: str) -> dict[str, str]:
        """A mapping of text to text, empty when the key is missing."""
        if not self.has(key):
            return {}
        inner = self.inside(key)
        return {name: inner.text(name) for name in inner.values}

    def inside(self, key: str) -> Self:
        return self.of(self._value(key), self.at(key))

    def each(self, key: str) -> Iterator[Self]:
        value = self._value(key)
        if not isinstance(value, list):
            self.fail(key, "not a list")
        for number, item in enumerate(value):
            yield self.of(item, f"{self.at(key)}[{number}]")

    def _number(self, value: Value) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _value(self, key: str, default: Value = None) -> Value:
        value = self.values.get(key, default)
        if value is None:
            self.fail(key, "missing")
        return value

    def _checked_text(self, key: str, value: str) -> str:
        if len(value) > LONGEST_TEXT:
            self.fail(key, f"longer than {LONGEST_TEXT} characters")
        if not value.isprintable():
            self.fail(key, f"{printable(value)[:80]!r} has a control character")
        return value


class WrittenPlace(Place):
    """A place in what a person wrote: every scalar is text, so that version ``550.10`` stays ``550.10``."""

    error = UsageError

    def _number(self, value: Value) -> int | None:
        if isinstance(value, str):
            return int(value) if re.fullmatch(r"[0-9]{1,19}", value) else None
        return super()._number(value)  # a default
