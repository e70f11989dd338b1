"""Which kernel the headers in a package are for: they serve that one and no other."""

import re

from bundler.packages.facts import PackageFacts

_RPM_NAME = re.compile(r"kernel(-[a-z0-9]+)*-devel")
_RPM_SAYS = re.compile(r"kernel(-[a-z0-9]+)*-devel-uname-r")
# linux-headers-6.1.0-25-amd64; not the part that several flavours share, nor what only depends on the newest.
_DEB_NAME = re.compile(r"linux-headers-(?P<release>[0-9].*)")
_DEB_SHARED = re.compile(r"linux-headers-[0-9][0-9.]*-[0-9]+(-common(-rt)?)?")


def headers_for(package: PackageFacts) -> str:
    """The kernel's release as `uname -r` prints it; "" if these are no kernel's headers."""
    if package.format == "deb":
        match = _DEB_NAME.fullmatch(package.name)
        return match["release"] if match and not _DEB_SHARED.fullmatch(package.name) else ""
    if not _RPM_NAME.fullmatch(package.name):
        return ""
    said = (given.version for given in package.provides if _RPM_SAYS.fullmatch(given.name))
    return next(said, package.installed_version)
