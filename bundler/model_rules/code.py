"""Nothing in a model runs code unless the manifest allows it; if it does, the code must be there."""

from collections.abc import Iterator
from pathlib import Path

from bundler.model_rules.files import Files, at_hand, beside, is_parsed, read_object
from installer.errors import AirgapError, RefusedError, printable

# Formats that can run code when they are loaded.
_PICKLES = frozenset(".bin .pt .pth .ckpt .pkl .pickle .joblib .h5 .keras .npy".split())
_BUFFER = 1 << 20  # bytes
_AUTO_MAP = "auto_map"
_ALLOW_CODE = "if it is wanted: model.allow: [code]"
_ELSEWHERE = "--"  # transformers: OTHER/REPO--module.Class


def pickles(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for name in files:
        if Path(name.lower()).suffix in _PICKLES and "pickle" not in allow:
            yield RefusedError(
                f"model: {name}: this format can run code when it is loaded",
                hint="remove it if safetensors files stand beside it; if it is wanted: model.allow: [pickle]",
            )


def programs(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if "code" in allow:
        return
    for name in files:
        if Path(name.lower()).suffix == ".py":
            yield RefusedError(f"model: {name}: a program", hint=_ALLOW_CODE)
    for name, path in at_hand(files, ".json"):
        if _names_code(name, path):
            yield RefusedError(f"model: {name}: {_AUTO_MAP} names code of the model to run", hint=_ALLOW_CODE)


def missing_programs(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    """Of code that is allowed: what auto_map names would else be looked for on the hub, on site."""
    if "code" not in allow:
        return
    for name, path in at_hand(files, ".json"):
        if not is_parsed(name, path):
            continue
        for reference in sorted(_references(read_object(path).get(_AUTO_MAP))):
            yield from _missing(name, reference, files)


def _missing(name: str, reference: str, files: Files) -> Iterator[AirgapError]:
    shown = printable(reference)[:200]
    if _ELSEWHERE in reference:
        yield RefusedError(
            f"model: {name}: {_AUTO_MAP} names {shown!r}, which is code of another repository",
            hint="copy that file into the model's folder and name it without the repository",
        )
    elif (program := beside(name, f"{reference.rpartition('.')[0].replace('.', '/')}.py")) not in files:
        yield RefusedError(
            f"model: {name}: {_AUTO_MAP} names {shown!r}, but {printable(program)[:200]} is not in the model",
            hint="the download is not complete, or model.exclude leaves it out",
        )


def _references(auto_map: object) -> set[str]:
    """``{"AutoModel": "modeling_x.X", "AutoTokenizer": ["tokenization_x.X", null]}``."""
    values = auto_map.values() if isinstance(auto_map, dict) else ()
    each = (item for value in values for item in (value if isinstance(value, list) else [value]))
    return {item for item in each if isinstance(item, str)}


def _names_code(name: str, path: Path) -> bool:
    if not is_parsed(name, path):
        return _holds(path, f'"{_AUTO_MAP}"'.encode())
    return _has_key(read_object(path), _AUTO_MAP)


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
