"""The configuration of an image: for which machines it is, what it runs, and the digests of its layers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.sources.image.foreign_document import ForeignDocument
from installer.errors import DamagedError, RefusedError, printable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
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
    )


def _environment(value: object) -> dict[str, str]:
    pairs = (word.partition("=") for word in _words(value) if len(word) <= _LONGEST_VALUE)
    return {name: content for name, equals, content in pairs if name and equals}


def _words(value: object) -> tuple[str, ...]:
    """Null stands for none."""
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
