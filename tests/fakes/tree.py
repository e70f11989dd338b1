"""A folder's contents as one value, so that two states of a machine can be compared."""

import hashlib
import stat
from pathlib import Path

# Records of what happened when, and of inodes: two machines in the same state differ in them.
_HISTORY = (
    "var/lib/vllm-airgap/journal.jsonl",
    "var/lib/vllm-airgap/former",
    "var/lib/vllm-airgap/receipts",
    "var/log",
)


def tree(root: Path) -> dict[str, str]:
    """Every name with its mode, and its content or target."""
    return {str(path.relative_to(root)): _describe(path) for path in sorted(root.rglob("*"))}


def settled_tree(root: Path) -> dict[str, str]:
    """The tree less its history."""
    return {name: what for name, what in tree(root).items() if not name.startswith(_HISTORY)}


def stamped_tree(root: Path) -> dict[str, str]:
    """The tree with what changes when a file is written again with the same content."""
    return {name: f"{what} {_stamp(root / name)}" for name, what in tree(root).items()}


def _describe(path: Path) -> str:
    found = path.lstat()
    mode = f"{stat.S_IMODE(found.st_mode):o}"
    if stat.S_ISLNK(found.st_mode):
        return f"link {path.readlink()}"
    if stat.S_ISREG(found.st_mode):
        return f"file {mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return f"folder {mode}"


def _stamp(path: Path) -> str:
    found = path.lstat()
    return "" if stat.S_ISDIR(found.st_mode) else f"{found.st_ino} {found.st_mtime_ns}"
