"""A model's files as its rules see them."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from installer.errors import AirgapError

LARGEST_CONFIG = 4 << 20  # bytes; a longer JSON is a vocabulary, which is searched but not parsed
LARGEST_SHARD_LIST = 32 << 20  # bytes
SHARD_LIST = ".index.json"

Files = Mapping[
    str, Path | None
]  # name in the model to where it lies; None: not fetched yet, so only its name is known
Rule = Callable[[Files, tuple[str, ...]], Iterator[AirgapError]]  # the second: what the manifest allows by name


def at_hand(files: Files, suffix: str) -> Iterator[tuple[str, Path]]:
    """Those whose content is there to be read."""
    return ((name, path) for name, path in files.items() if path is not None and name.endswith(suffix))


def beside(name: str, other: str) -> str:
    """``other`` in the folder of ``name``."""
    folder = name.rpartition("/")[0]
    return f"{folder}/{other}" if folder else other


def is_parsed(name: str, path: Path) -> bool:
    largest = LARGEST_SHARD_LIST if name.endswith(SHARD_LIST) else LARGEST_CONFIG
    return path.stat().st_size <= largest


def read_object(path: Path) -> dict[str, object]:
    """The JSON object in ``path``, empty for what is none: a rule of its own says so."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
