"""Proof that a model file was hashed: what its inode says changes whenever its content could have."""

import json
import stat
from errno import ENOENT
from os import fspath, stat_result, strerror
from pathlib import Path

from installer.index.document import File
from installer.model_folder import linked_folder
from installer.node import Node
from installer.node.paths import STATE
from installer.staging import inside_model

RECEIPT = f"{STATE}/receipts/model.json"


def model_receipt(folder: Path, files: tuple[File, ...]) -> bytes:
    """The receipt for ``files`` as they are now in ``folder``; renaming the folder keeps it valid.

    Raises FileNotFoundError, for a link too: what it leads to can change without it.
    """
    rows = {file.path: _row(folder, file) for file in files}
    return json.dumps(rows, indent=1).encode() + b"\n"


def proven_files(node: Node, path: str, files: tuple[File, ...]) -> tuple[File, ...]:
    """Those of ``files`` whose content below the folder at ``path`` the receipt proves, also one of an older bundle."""
    rows = _read_rows(node)
    return tuple(file for file in files if file.path in rows and _is_proven(node.at(path), file, rows[file.path]))


def _read_rows(node: Node) -> dict[str, object]:
    """No rows where no receipt can be read: then nothing is proven, and the files are hashed."""
    try:
        rows = json.loads(node.read(RECEIPT) or b"{}")
    except ValueError:
        return {}
    return rows if isinstance(rows, dict) else {}


def _is_proven(folder: Path, file: File, row: object) -> bool:
    try:
        return row == _row(folder, file)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _row(folder: Path, file: File) -> list[str | int]:
    found = _regular_file(folder, folder / inside_model(file))
    return [file.sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _regular_file(folder: Path, path: Path) -> stat_result:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or linked_folder(folder, path):
        raise FileNotFoundError(ENOENT, strerror(ENOENT), fspath(path))
    return found
