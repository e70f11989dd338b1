"""To which package a file of a node belongs."""

from installer.facts.seen import answer
from installer.sight import Sight


def owner_of(sight: Sight, path: str) -> str:
    """The package's name, or "" where dpkg and rpm know none: a node may have both."""
    if sight.finds("dpkg-query") and (owner := read_dpkg_owner(answer(sight, "dpkg-query", "-S", path).stdout)):
        return owner
    if sight.finds("rpm"):
        output = answer(sight, "rpm", "-qf", "--queryformat", "%{NAME}\\n", path)
        return read_rpm_owner(output.stdout) if output.succeeded else ""
    return ""


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
