"""Which file names a bundle may hold: names that mean the same on every file system and in every shell."""

import re
from collections.abc import Iterable

from installer.errors import MalformedError, printable

_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@~%-]*")
# Names that Windows keeps for devices, with any extension: a stick may pass through such a machine.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
LONGEST_COMPONENT = 255  # bytes, NAME_MAX of every file system that a medium is likely to have
LONGEST_PATH = 1024  # bytes, well below PATH_MAX with any place to mount it


def name_problem(path: str) -> str | None:
    """Why ``path`` cannot be a file of a bundle, or None."""
    if len(path) > LONGEST_PATH:
        return f"longer than {LONGEST_PATH} bytes"
    for component in path.split("/"):
        if len(component) > LONGEST_COMPONENT:
            return f"a component is longer than {LONGEST_COMPONENT} bytes"
        if not _COMPONENT.fullmatch(component):
            return "a component has a sign other than letters, digits and ._+=@~%-, or starts with one of .+=@~%-"
        if component.endswith("."):
            return "a component ends in a dot"
        if _DEVICE.fullmatch(component):
            return "a component is a Windows device name"
    return None


def check_names(paths: Iterable[str]) -> None:
    """Raise MalformedError for a bad name, two equal in lower case, a file that is a folder too."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        if problem := name_problem(path):
            raise MalformedError(f"file name {printable(path[:200])!r}: {problem}")
        folded = path.lower()
        if other := seen.get(folded):
            raise MalformedError(f"file names {other!r} and {path!r} are equal in lower case")
        seen[folded] = path
        for folder in _parents(path):
            if folders.setdefault(folder.lower(), folder) != folder:
                other = folders[folder.lower()]
                raise MalformedError(f"folder names {other!r} and {folder!r} are equal in lower case")
    for folded in folders.keys() & seen.keys():
        raise MalformedError(f"{seen[folded]!r} is a file and a folder")


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]
