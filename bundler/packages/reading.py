"""One package file, whichever of the two kinds it is of."""

import re
from pathlib import Path

from bundler.packages.deb import MAGIC as DEB_MAGIC
from bundler.packages.deb import read_deb
from bundler.packages.facts import PackageFacts, cut
from bundler.packages.rpm import read_rpm

# What a bundle's index may say; rpm and dpkg themselves allow hardly more.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,127}")
_VERSION = re.compile(r"([0-9]{1,9}:)?[0-9A-Za-z][0-9A-Za-z.+~^_-]{0,99}")
_ARCH = re.compile(r"[a-z0-9_-]{1,16}")


def read_package(path: Path, name: str) -> PackageFacts:
    """By its first bytes, not by its name. RefusedError for what is neither, DamagedError for a part of one."""
    with path.open("rb") as file:
        is_deb = file.read(len(DEB_MAGIC)) == DEB_MAGIC
    facts = read_deb(path, name) if is_deb else read_rpm(path, name)
    for text, pattern in ((facts.name, _NAME), (facts.version, _VERSION), (facts.arch, _ARCH)):
        if not pattern.fullmatch(text):
            raise cut(name, f"{text[:80]!r} is no name or version of a package")
    return facts
