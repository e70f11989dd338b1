"""The files of the interpreter that runs the build, by their place in runtime.tar.gz."""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

from installer.errors import RefusedError

PYTHON = "python/bin/python3"
# What no installer imports; most of it is tests, windows and what draws on terminals.
_LEFT_OUT_FOLDERS = frozenset(
    """
    __phello__ __pycache__ curses dist-packages distutils ensurepip idlelib lib2to3 msilib pydoc_data site-packages
    sqlite3 test tests tkinter turtledemo unittest venv
    """.split()
)
_LEFT_OUT_MODULES = frozenset(
    """
    _crypt _ctypes_test _curses _curses_panel _dbm _gdbm _sqlite3 _tkinter antigravity crypt nis ossaudiodev readline
    sitecustomize turtle usercustomize
    """.split()
)
_LEFT_OUT_BEGINNINGS = ("_test", "_xxtest", "config-", "xxlimited", "xxsubtype")
_KEPT_SUFFIXES = (".py", ".so")


def version() -> str:
    return platform.python_version()


def interpreter_files() -> dict[str, Path]:
    """The program itself, its standard library and the library's compiled modules."""
    _demand_platform()
    library = Path(os.__file__).parent
    program = Path("/proc/self/exe").resolve()  # sys.executable may be a virtual environment's
    place = f"python/lib/{library.name}"
    return {PYTHON: program} | {f"{place}/{path.relative_to(library)}": path for path in _wanted(library)}


def is_wanted(path: PurePath) -> bool:
    """Of a standard library's file, by its path below that library; its licence goes along."""
    if any(_is_left_out(part) for part in path.parts) or _LEFT_OUT_FOLDERS & set(path.parts[:-1]):
        return False
    return path.suffix in _KEPT_SUFFIXES or path.name == "LICENSE.txt"


def _demand_platform() -> None:
    found = (sys.platform, platform.machine(), platform.libc_ver()[0])
    if found != ("linux", "x86_64", "glibc"):
        raise RefusedError(
            f"the Python of this machine is for {' '.join(found)}, and the nodes are linux x86_64 with glibc",
            hint="build on such a machine",
        )


def _wanted(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if _is_left_out(path.name):
            continue
        if path.is_dir():
            if path.name not in _LEFT_OUT_FOLDERS:
                yield from _wanted(path)
        elif path.suffix in _KEPT_SUFFIXES:
            yield path


def _is_left_out(name: str) -> bool:
    return name.startswith(_LEFT_OUT_BEGINNINGS) or name.split(".", maxsplit=1)[0] in _LEFT_OUT_MODULES
