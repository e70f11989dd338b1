"""Proof that a model file was hashed: what its inode says changes whenever its content could have."""

import json
from pathlib import Path

from installer.index.document import File
from installer.node import STATE
from installer.staging import inside_model

RECEIPT = f"{STATE}/receipts/model.json"


def model_receipt(folder: Path, files: tuple[File, ...]) -> bytes:
    """The receipt for ``files`` as they are now in ``folder``; renaming the folder keeps it valid.

    Raises FileNotFoundError.
    """
    rows = {}
    for file in files:
        found = (folder / inside_model(file)).stat()
        rows[file.path] = [file.sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    return json.dumps(rows, indent=1).encode() + b"\n"
