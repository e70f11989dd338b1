"""A model's files as its rules see them."""

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from installer.errors import AirgapError
from installer.hardware.model_shape import LONGEST_CONFIG

LARGEST_CONFIG = LONGEST_CONFIG
_LARGEST_SHARD_LIST = 32 << 20  # bytes
_LARGEST_VOCABULARY = 64 << 20  # bytes; the longest known has 33 MB. Parsing it takes some 500 MiB for a moment
CONFIG = "config.json"
SHARD_LIST = ".index.json"
ALL_IN_ONE = "*.gguf"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", ALL_IN_ONE)

Files = Mapping[
    str, Path | None
]  # name in the model to where it lies; None: not fetched yet, so only its name is known
Rule = Callable[[Files, tuple[str, ...]], Iterator[AirgapError]]  # the second: what the manifest allows by name


def at_hand(files: Files, suffix: str) -> Iterator[tuple[str, Path]]:
    """Those whose content is there to be read."""
    return ((name, path) for name, path in files.items() if path is not None and name.endswith(suffix))


def are_weights(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _WEIGHTS)


def beside(name: str, other: str) -> str:
    """``other`` in the folder of ``name``."""
    folder = name.rpartition("/")[0]
    return f"{folder}/{other}" if folder else other


def longer_than(name: str, path: Path) -> str:
    """What no JSON of that name is longer than, if this one is; "" for one that may be parsed."""
    if name.endswith(SHARD_LIST):
        most, what = _LARGEST_SHARD_LIST, "any list of shards"
    elif name.rpartition("/")[2] == CONFIG:
        most, what = LARGEST_CONFIG, "any configuration"
    else:
        most, what = _LARGEST_VOCABULARY, "any vocabulary"
    return what if path.stat().st_size > most else ""


def objects(files: Files) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and content of every JSON that is there to be read, empty for what is none: a rule of its own says so."""
    return ((name, read_object(path)) for name, path in at_hand(files, ".json") if not longer_than(name, path))


def read_object(path: Path) -> dict[str, object]:
    """The JSON object in ``path``, empty for what is none."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
