"""Nothing in a model runs code unless the manifest allows it; if it does, the code must be there."""

from collections.abc import Iterator
from pathlib import Path

from bundler.model_rules.files import Files, beside, objects
from bundler.model_rules.imports import imported_in_vain
from bundler.model_rules.remedies import LEAVE_OUT_OR_ALLOW, NOT_COMPLETE
from installer.errors import AirgapError, RefusedError, printable

# Formats that can run code when they are loaded.
_PICKLES = frozenset(".bin .pt .pth .ckpt .pkl .pickle .joblib .h5 .keras .npy".split())
_AUTO_MAP = "auto_map"
_ALLOW_CODE = "if it is wanted: model.allow: [code]"
_ELSEWHERE = "--"  # transformers: OTHER/REPO--module.Class


def pickles(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for name in files:
        if Path(name.lower()).suffix in _PICKLES and "pickle" not in allow:
            yield RefusedError(
                f"model: {name}: this format can run code when it is loaded",
                hint=LEAVE_OUT_OR_ALLOW,
            )


def programs(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if "code" in allow:
        return
    for name in files:
        if Path(name.lower()).suffix == ".py":
            yield RefusedError(f"model: {name}: a program", hint=_ALLOW_CODE)
    for name, document in objects(files):
        if list(_auto_maps(document)):
            yield RefusedError(f"model: {name}: {_AUTO_MAP} names code of the model to run", hint=_ALLOW_CODE)


def missing_programs(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    """Of code that is allowed: what auto_map names, or such a program imports, would be looked for on the hub."""
    if "code" not in allow:
        return
    named: set[str] = set()
    for name, document in objects(files):
        references = {reference for auto_map in _auto_maps(document) for reference in _references(auto_map)}
        for reference in sorted(references):
            yield from _missing(name, reference, files)
            named.add(_program(name, reference))
    for name, program in imported_in_vain(named, files):
        yield RefusedError(
            f"model: {name} imports {printable(program)[:200]}, which is not in the model", hint=NOT_COMPLETE
        )


def _missing(name: str, reference: str, files: Files) -> Iterator[AirgapError]:
    shown = printable(reference)[:200]
    if _ELSEWHERE in reference:
        yield RefusedError(
            f"model: {name}: {_AUTO_MAP} names {shown!r}, which is code of another repository",
            hint="copy that file into the model's folder and name it without the repository",
        )
    elif (program := _program(name, reference)) not in files:
        yield RefusedError(
            f"model: {name}: {_AUTO_MAP} names {shown!r}, but {printable(program)[:200]} is not in the model",
            hint=NOT_COMPLETE,
        )


def _program(name: str, reference: str) -> str:
    """The file that MODULE.CLASS in ``name`` means."""
    return beside(name, f"{reference.rpartition('.')[0].replace('.', '/')}.py")


def _references(auto_map: object) -> set[str]:
    """``{"AutoModel": "modeling_x.X", "AutoTokenizer": ["tokenization_x.X", null]}``."""
    values = auto_map.values() if isinstance(auto_map, dict) else ()
    each = (item for value in values for item in (value if isinstance(value, list) else [value]))
    return {item for item in each if isinstance(item, str)}


def _auto_maps(document: object) -> Iterator[object]:
    """At every depth: a model of several parts has one for each."""
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if _AUTO_MAP in value:
                yield value[_AUTO_MAP]
            todo += value.values()
        elif isinstance(value, list):
            todo += value
