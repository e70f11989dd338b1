"""Compiles the pretended NVIDIA programs: static, so that they run on any node and in any container."""

from pathlib import Path

from testbed.commands import run

SOURCES = Path(__file__).parent / "payload"


def compile_static(name: str, target: Path, **macros: str) -> None:
    compile_program(f"{name}.c", target, "-static", **macros)


def compile_program(source: str, target: Path, *options: str, **macros: str) -> None:
    defined = (f'-D{name}="{value}"' for name, value in macros.items())
    strict = ("-O2", "-s", "-Wall", "-Wextra", "-Werror")
    run("gcc", *strict, *defined, "-o", str(target), str(SOURCES / source), *options)
