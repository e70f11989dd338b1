"""What the programs of a model import from beside them, as far as that can be told without running them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from posixpath import dirname, join, normpath

from bundler.model_rules.files import Files

_LARGEST_PROGRAM = 4 << 20  # bytes


def imported_in_vain(programs: Iterable[str], files: Files) -> Iterator[tuple[str, str]]:
    """Program and the file that it imports and that is not in the model, also of programs that are imported."""
    todo, seen = sorted(programs, reverse=True), set(programs)
    while todo:
        name = todo.pop()
        path = files.get(name)
        for choices in _imports(name, path) if path else ():
            there = [choice for choice in choices if choice in files]
            if not there:
                yield name, choices[0]
            todo += [program for program in there if program not in seen]
            seen.update(there)


def _imports(name: str, path: Path) -> Iterator[tuple[str, ...]]:
    """For each relative import the files of which one must be there; transformers asks for it in a ``try``, too."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = normpath(join(dirname(name), *[".."] * (node.level - 1)))
            if node.module:
                yield _module(folder, node.module)
            else:
                yield from ((*_module(folder, alias.name), _below(folder, "__init__.py")) for alias in node.names)


def _module(folder: str, dotted: str) -> tuple[str, ...]:
    place = dotted.replace(".", "/")
    return _below(folder, f"{place}.py"), _below(folder, f"{place}/__init__.py")


def _below(folder: str, name: str) -> str:
    return normpath(join(folder, name))


def _tree(path: Path) -> ast.AST:
    """Empty for what cannot be parsed here: it may be in the words of a newer Python than this one."""
    try:
        return ast.parse(path.read_bytes() if path.stat().st_size <= _LARGEST_PROGRAM else b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
