"""The shared libraries that packed files need, so that the node has to have nothing but glibc."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from bundler.elf import is_elf
from installer.errors import EnvironmentProblemError

# glibc is the node's: its parts fit only one another and the loader, which stands at a fixed path.
GLIBC = re.compile(
    r"(ld-linux-x86-64|libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv|libanl|libnss_\w+)\.so\.\d+"
)
_LINE = re.compile(r"\s(?P<name>[^\s/]+) => (?P<path>/.+?|not found)(?: \(0x[0-9a-f]+\))?", re.ASCII)


def needed_libraries(files: Mapping[str, Path]) -> dict[str, Path]:
    """By the name under which they are looked for; those among ``files`` are found where they lie."""
    packed = {path.resolve() for path in files.values()}
    needed = read_ldd(_ldd(path for path in files.values() if is_elf(path)))
    return {name: path for name, path in sorted(needed.items()) if path.resolve() not in packed}


def read_ldd(output: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in output.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or GLIBC.fullmatch(match["name"]):
            continue
        if match["path"] == "not found":
            raise EnvironmentProblemError(
                f"the Python of this machine needs {match['name']}, which is not to be found",
                hint="install that library, or build with another Python",
            )
        found[match["name"]] = Path(match["path"])
    return found


def _ldd(files: Iterable[Path]) -> str:
    command = ("ldd", *map(str, files))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode != 0:
        raise EnvironmentProblemError(f"ldd failed: {done.stderr.strip()}")
    return done.stdout
