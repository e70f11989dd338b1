"""A file's name in git: how hubs state small files, of which they publish no sha256."""

import hashlib
import os
from pathlib import Path

_BUFFER = 1 << 20  # bytes


def git_sha1(path: Path) -> str:
    """SHA-1 over "blob LENGTH", a zero byte and the content (git-hash-object(1))."""
    with path.open("rb") as file:
        # Git's own choice of digest; that it is weak is why the sha256 of what came is what gets locked.
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        while piece := file.read(_BUFFER):
            digest.update(piece)
    return digest.hexdigest()
