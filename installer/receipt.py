"""Proof that a model file was hashed: what its inode says changes whenever its content could have."""

import json
import stat
from errno import ENOENT
from os import fspath, stat_result, strerror
from pathlib import Path

from installer.index.document import File
from installer.model_folder import linked_folder
from installer.node import STATE
from installer.staging import inside_model

RECEIPT = f"{STATE}/receipts/model.json"


def model_receipt(folder: Path, files: tuple[File, ...]) -> bytes:
    """The receipt for ``files`` as they are now in ``folder``; renaming the folder keeps it valid.

    Raises FileNotFoundError, for a link too: what it leads to can change without it.
    """
    rows = {}
    for file in files:
        found = _regular_file(folder, folder / inside_model(file))
        rows[file.path] = [file.sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    return json.dumps(rows, indent=1).encode() + b"\n"


def _regular_file(folder: Path, path: Path) -> stat_result:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or linked_folder(folder, path):
        raise FileNotFoundError(ENOENT, strerror(ENOENT), fspath(path))
    return found
