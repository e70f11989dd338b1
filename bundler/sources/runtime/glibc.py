"""Which glibc a packed host Python asks of the nodes: that of the machine it was built on."""

import os
from dataclasses import replace

from installer.index.document import Target


def with_host_glibc(target: Target) -> Target:
    """``target`` as it really is once the Python of this machine goes along."""
    name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    needs_newer = name == "glibc" and _numbers(version) > _numbers(target.glibc)
    return replace(target, glibc=version) if needs_newer else target


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
