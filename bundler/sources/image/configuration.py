"""The configuration of an image: for which machines it is, what it runs, and the digests of its layers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bundler.sources.image.foreign_document import ForeignDocument
from installer.errors import DamagedError, RefusedError, printable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_EARLIEST = 1971  # a tool that hides when an image was made writes the year 1 or 1970
_LONGEST_VALUE = 64 << 10  # characters of one environment variable


@dataclass(frozen=True)
class Configuration:
    """The part of it that we look at; ``diff_ids`` are the digests of the unpacked layers, lowest first."""

    system: str
    architecture: str
    diff_ids: tuple[str, ...]
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    created: str = ""  # in UTC, to the second

    def demand_platform(self) -> None:
        demand_platform(self.system, self.architecture)


def demand_platform(system: str, architecture: str) -> None:
    if (system, architecture) != ("linux", "amd64"):
        raise RefusedError(
            f"the image is for {printable(system)}/{printable(architecture)}, and the nodes are linux/amd64",
            hint="docker pull --platform linux/amd64 IMAGE",
        )


def read_configuration(data: bytes) -> Configuration:
    """Less strict than our own format: most of it is other people's."""
    try:
        at = ForeignDocument.of(json.loads(data), "the image's configuration")
    except (ValueError, RecursionError):
        raise DamagedError("the image's configuration is not JSON") from None
    inner = at.inside("config") if at.values.get("config") is not None else ForeignDocument({}, "config")
    diff_ids = at.inside("rootfs").texts("diff_ids")
    if not all(_DIGEST.fullmatch(one) for one in diff_ids):
        raise DamagedError("the image's configuration: rootfs.diff_ids is not a list of sha256 digests")
    return Configuration(
        system=at.text("os"),
        architecture=at.text("architecture"),
        diff_ids=diff_ids,
        environment=_environment(inner.values.get("Env")),
        entrypoint=_words(inner.values.get("Entrypoint")),
        command=_words(inner.values.get("Cmd")),
        created=_time(at.values.get("created")),
    )


def _time(value: object) -> str:
    """As RFC 3339 has it, with a fraction and an offset; "" for what is no time, or none that a clock could show."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        found = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")).astimezone(UTC) if match else None
    except (ValueError, OverflowError):
        return ""
    return f"{found:%Y-%m-%dT%H:%M:%SZ}" if found and found.year >= _EARLIEST else ""


def _environment(value: object) -> dict[str, str]:
    pairs = (word.partition("=") for word in _words(value) if len(word) <= _LONGEST_VALUE)
    return {name: content for name, equals, content in pairs if name and equals}


def _words(value: object) -> tuple[str, ...]:
    """Null stands for none."""
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
