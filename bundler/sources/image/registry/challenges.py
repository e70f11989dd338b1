"""What a registry says after 401: the WWW-Authenticate header, read strictly (RFC 9110, section 11.6.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from installer.errors import UnreachableError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 # a word of the grammar
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+(?={_TOKEN}\s*=)|\s*(?=,|$))")
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")\s*(,|$)')
_LONGEST = 8192  # characters


@dataclass(frozen=True)
class Challenge:
    """One way to log in; ``scheme`` and the names of ``parameters`` are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(values: Sequence[str], host: str) -> tuple[Challenge, ...]:
    """UnreachableError for a header that can be read in two ways, or not at all."""
    return tuple(found for value in values for found in _parse(value, host))


def _parse(value: str, host: str) -> list[Challenge]:
    if len(value) > _LONGEST or not value.isprintable():
        raise _unreadable(host)
    found: list[Challenge] = []
    at = 0
    while at < len(value.rstrip(" ,")):
        scheme = _SCHEME.match(value, at)
        if scheme is None:
            raise _unreadable(host)
        parameters, at = _parameters(value, scheme.end(), host)
        found.append(Challenge(scheme[1].lower(), parameters))
    return found


def _parameters(value: str, at: int, host: str) -> tuple[dict[str, str], int]:
    """Those of one scheme, and where the next begins."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(value, at):
        name = match[1].lower()
        if name in found:
            raise _unreadable(host)
        found[name] = re.sub(r"\\(.)", r"\1", match[3]) if match[2] is None else match[2]
        at = match.end()
    if not found and value[at : at + 1] == ",":
        at += 1
    return found, at


def _unreadable(host: str) -> UnreachableError:
    return UnreachableError(
        f"{host}: wants a login, but says in no readable way which (its WWW-Authenticate header is malformed)",
        hint="a proxy may have answered instead of the registry",
    )
