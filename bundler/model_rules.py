"""What a model folder may hold: nothing that runs code, unless the manifest allows it by name."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from installer.errors import AirgapError, RefusedError, printable

# Formats that can run code when they are loaded.
_PICKLES = frozenset(".bin .pt .pth .ckpt .pkl .pickle .joblib .h5 .keras".split())
_LARGEST_CONFIG = 4 << 20  # bytes; a longer JSON is a vocabulary, which is searched but not parsed
_LARGEST_SHARD_LIST = 32 << 20  # bytes
_BUFFER = 1 << 20  # bytes
_AUTO_MAP = "auto_map"
_ALLOW_CODE = "if it is wanted: model.allow: [code]"

Files = Mapping[str, Path]  # name in the model to where it lies


def model_problems(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for name, path in files.items():
        suffix = Path(name.lower()).suffix
        if suffix in _PICKLES and "pickle" not in allow:
            yield RefusedError(
                f"model: {name}: this format can run code when it is loaded",
                hint="remove it if safetensors files stand beside it; if it is wanted: model.allow: [pickle]",
            )
        if suffix == ".py" and "code" not in allow:
            yield RefusedError(f"model: {name}: a program", hint=_ALLOW_CODE)
        if suffix == ".json":
            yield from _json_problems(name, path, files, allow)


def _json_problems(name: str, path: Path, files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    try:
        if "code" not in allow and _names_code(path):
            yield RefusedError(f"model: {name}: {_AUTO_MAP} names code of the model to run", hint=_ALLOW_CODE)
        if name.endswith(".index.json"):
            yield from _shard_problems(name, path, files)
    except (ValueError, RecursionError) as error:
        yield RefusedError(f"model: {name}: not JSON: {printable(str(error))[:200]}", hint="download it again")


def _names_code(path: Path) -> bool:
    if path.stat().st_size > _LARGEST_CONFIG:
        return _holds(path, f'"{_AUTO_MAP}"'.encode())
    return _has_key(json.loads(path.read_bytes()), _AUTO_MAP)


def _has_key(value: object, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_has_key(inner, key) for inner in value.values())
    return isinstance(value, list) and any(_has_key(inner, key) for inner in value)


def _holds(path: Path, wanted: bytes) -> bool:
    before = b""
    with path.open("rb") as file:
        while piece := file.read(_BUFFER):
            if wanted in before + piece:
                return True
            before = piece[-len(wanted) :]
    return False


def _shard_problems(name: str, path: Path, files: Files) -> Iterator[AirgapError]:
    """Of an index of weights: every shard that it names must be in the model."""
    if path.stat().st_size > _LARGEST_SHARD_LIST:
        yield RefusedError(f"model: {name}: longer than any list of shards")
        return
    document = json.loads(path.read_bytes())
    shards = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(shards, dict):
        yield RefusedError(f"model: {name}: no weight_map in it")
        return
    folder = name.rpartition("/")[0]
    for shard in sorted({str(shard) for shard in shards.values()}):
        if (f"{folder}/{shard}" if folder else shard) not in files:
            yield RefusedError(
                f"model: {name} names {printable(shard)[:200]!r}, which is not in the folder",
                hint="the download is not complete",
            )
