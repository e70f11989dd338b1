"""What every node of the target certainly has: glibc, a shell, systemd, and the package manager's own abilities."""

import re

from bundler.elf import numbers
from bundler.packages.facts import PackageFacts, Relation

# Of CentOS 7 and all that came after it, and Debian's and Ubuntu's essential packages.
_OF_RPM = frozenset(
    """
    /bin/bash /bin/sh /sbin/ldconfig /usr/bin/bash /usr/bin/env /usr/bin/sh /usr/sbin/ldconfig
    bash coreutils filesystem glibc glibc(x86-64) libcap libcap(x86-64) libgcc libgcc(x86-64) rpm rtld(GNU_HASH) setup
    systemd
    """.split()
)
_OF_DEB = frozenset(
    """
    base-files base-passwd bash bsdutils coreutils dash debconf debianutils diffutils dpkg findutils grep gzip hostname
    init-system-helpers libc-bin libc6 libgcc-s1 login ncurses-base ncurses-bin perl-base sed sysvinit-utils tar
    util-linux
    """.split()
)
# Its systemd is linked to it and depends on it in the same words, which Debian's tools write for every such program.
_LIBCAP_OF_DEB = frozenset((Relation("libcap2"), Relation("libcap2", ">=", "1:2.10")))
_OF_RPM_ITSELF = re.compile(r"rpmlib\(.*\)")
_LIBRARY = re.compile(
    r"(?:lib(?:c|cap|m|mvec|dl|pthread|rt|util|resolv|anl|gcc_s)|ld-linux-x86-64)\.so\.[0-9]+"
    r"(?:\((?:GLIBC_(?P<glibc>2(?:\.[0-9]+)+)|[A-Z0-9_.]*)\))?(?:\(64bit\))?"
)
_GLIBC_NAMES = frozenset(("glibc", "glibc(x86-64)", "libc6", "libc-bin"))
_UPSTREAM = re.compile(r"(?:[0-9]+:)?(?P<version>2(?:\.[0-9]+)+)")


def base_provides(package_format: str, wanted: Relation) -> bool:
    """Of a glibc any version: whether it is new enough is another question (``needed_glibc``)."""
    if wanted.name in _GLIBC_NAMES or _OF_RPM_ITSELF.fullmatch(wanted.name) or _LIBRARY.fullmatch(wanted.name):
        return True
    if wanted in _LIBCAP_OF_DEB:
        return True
    names = _OF_DEB if package_format == "deb" else _OF_RPM
    return wanted.name in names and not wanted.operator


def needed_glibc(package: PackageFacts) -> str:
    """The least glibc that ``package`` asks for, or "" if it does not say."""
    asked = [version for alternatives in package.needs for wanted in alternatives if (version := _glibc_of(wanted))]
    return max(asked, key=numbers, default="")


def _glibc_of(wanted: Relation) -> str:
    if match := _LIBRARY.fullmatch(wanted.name):
        return match["glibc"] or ""
    if wanted.name in _GLIBC_NAMES and wanted.operator in {">", ">=", "="}:
        match = _UPSTREAM.match(wanted.version)
        return match["version"] if match else ""
    return ""
