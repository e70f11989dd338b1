"""A folder with Python and program becomes runtime.tar.gz: the same files, the same bytes."""

import gzip
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from bundler.cache import Cache, Stored
from bundler.sources.runtime.interpreter import PYTHON
from installer.errors import EnvironmentProblemError

NEEDED = "python/lib/needed"  # shared libraries; the launcher has the loader look there
_GZIP_LEVEL = 6  # 9 saves less than 1 % for four times the time
_MAIN = "program/__main__.py"
_MAIN_TEXT = """\
import signal
import sys

# Before the imports, which take a while: a shell starts what runs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from installer.cli import main

sys.exit(main())
"""
# A module that lacks a library must be found here, not on the first node.
_IMPORTS = "import bz2, ctypes, hashlib, lzma, ssl, zlib, click, cryptography.x509, tqdm"


def place(files: Mapping[str, Path], stage: Path) -> None:
    """Copy ``files``, by their place in runtime.tar.gz."""
    for name, source in files.items():
        target = stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def finish(stage: Path) -> None:
    """What starts the program, and the one file that is executable."""
    (stage / _MAIN).write_text(_MAIN_TEXT, encoding="ascii")
    (stage / PYTHON).chmod(0o755)


def prove(stage: Path) -> None:
    run_staged(stage, "-c", f"import sys; sys.path.insert(0, {str(stage / 'program')!r}); {_IMPORTS}")


def run_staged(stage: Path, *arguments: str) -> None:
    """The staged interpreter. One process after the other, for bytecode depends on what its maker did before."""
    environment = {"LD_LIBRARY_PATH": str(stage / NEEDED), "PYTHONHASHSEED": "0"}
    command = (str(stage / PYTHON), "-s", "-P", "-B", *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=stage)
    except PermissionError:
        raise EnvironmentProblemError(
            f"{stage.parent} does not let programs run", hint="set TMPDIR to a folder that does"
        ) from None
    if done.returncode != 0:
        raise EnvironmentProblemError(
            f"the packed Python does not work: {(done.stdout + done.stderr).strip()[-2000:]}",
            hint="build with another Python",
        )


def pack(stage: Path, cache: Cache) -> Stored:
    with cache.writer() as file:
        sink = cast("BinaryIO", file)  # gzip asks of what it writes to only that
        with (
            gzip.GzipFile("", "wb", _GZIP_LEVEL, sink, mtime=0) as compressed,
            tarfile.open(mode="w|", fileobj=compressed, format=tarfile.USTAR_FORMAT) as archive,
        ):
            for path in sorted(stage.rglob("*")):
                _add(archive, path, str(path.relative_to(stage)))
        return file.keep()


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return
    member.size, member.mode = path.stat().st_size, 0o755 if name == PYTHON else 0o644
    with path.open("rb") as content:
        archive.addfile(member, content)
