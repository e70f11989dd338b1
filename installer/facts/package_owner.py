"""To which package a file of a node belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from installer.facts.seen import answer
from installer.sight import Output, Sight

_SLOW: Final = 30  # seconds; on a cold disk dpkg reads the lists of all packages
_KNOWN_TO_NONE: Final = 1  # dpkg-query(1); 2 is an error
_OF_NO_PACKAGE: Final = ("is not owned by any package", "No such file or directory")  # rpm's words


@dataclass(frozen=True)
class Owner:
    """``package`` is "" where dpkg and rpm know none, or could not tell: ``silence`` is why, in their words."""

    package: str
    silence: str = ""


def owner_of(sight: Sight, path: str) -> Owner:
    """A node may have dpkg and rpm; what one knows counts, also where the other does not answer."""
    silence = ""
    for owner in _told(sight, path):
        if owner.package:
            return owner
        silence = silence or owner.silence
    return Owner("", silence)


def read_dpkg_owner(text: str) -> str:
    """Of `dpkg-query -S` (dpkg-query(1)): `docker.io: /usr/bin/dockerd`, after `diversion by NAME from: PATH` lines."""
    for line in text.splitlines():
        owners, colon, _path = line.partition(": ")
        if colon and not owners.startswith("diversion by "):
            return owners.split(",")[0].split(":")[0]
    return ""


def read_rpm_owner(text: str) -> str:
    """Of `rpm -qf`: a line for each package that has the file; without one rpm says so, and fails."""
    lines = text.splitlines()
    return lines[0].strip() if lines else ""


def _told(sight: Sight, path: str) -> Iterator[Owner]:
    if sight.finds("dpkg-query"):
        yield _of_dpkg(answer(sight, "dpkg-query", "-S", path, timeout=_SLOW))
    if sight.finds("rpm"):
        yield _of_rpm(answer(sight, "rpm", "-qf", "--queryformat", "%{NAME}\\n", path, timeout=_SLOW))


def _of_dpkg(output: Output) -> Owner:
    if owner := read_dpkg_owner(output.stdout):
        return Owner(owner)
    return Owner("") if output.code in (0, _KNOWN_TO_NONE) else Owner("", f"dpkg-query: {output.last_lines}")


def _of_rpm(output: Output) -> Owner:
    if output.succeeded:
        return Owner(read_rpm_owner(output.stdout))
    said = output.stdout + output.stderr
    is_told = not output.late and any(words in said for words in _OF_NO_PACKAGE)
    return Owner("") if is_told else Owner("", f"rpm: {output.last_lines}")
