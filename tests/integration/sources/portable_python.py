"""A stand-in for an archive of python-build-standalone: this machine's Python in the same layout.

What it needs of the distribution's libraries lies in python/lib, where the real one has its libpython.
"""

import os
import tarfile
from pathlib import Path

from bundler.sources.runtime.interpreter import PYTHON, interpreter_files
from bundler.sources.runtime.libraries import needed_libraries

MINOR = ".".join(os.__file__.rsplit("python", 1)[1].split("/")[0].split(".")[:2])
PROGRAM = f"python/bin/python{MINOR}"
LEFT_BEHIND = {
    "python/include/python/Python.h": b"header",
    "python/share/terminfo/x/xterm": b"terminal",
    f"python/lib/python{MINOR}/test/test_os.py": b"import os\n",
    f"python/lib/python{MINOR}/site-packages/pip/__init__.py": b"",
    f"python/lib/python{MINOR}/tkinter/__init__.py": b"",
}


def archive_at(path: Path) -> Path:
    files = interpreter_files()
    libraries = {f"python/lib/{name}": place for name, place in needed_libraries(files).items()}
    members = {PROGRAM if name == PYTHON else name: place for name, place in files.items()} | libraries
    scratch = path.with_name("left-behind")
    for name, content in LEFT_BEHIND.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(content)
        members[name] = scratch / name
    with tarfile.open(path, "w:gz", compresslevel=1, dereference=True) as archive:
        for name, place in sorted(members.items()):
            archive.add(place, name)
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{MINOR}"
        archive.addfile(link)
    return path
