"""Where a redirect may lead, and who of those it leads to may learn who we are."""

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from installer.errors import RefusedError, UsageError, printable

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, in one way of writing; UsageError if ``url`` has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in _PORTS or not host:
        raise UsageError(
            f"{_without_password(url)}: not a URL that can be fetched",
            hint="write https://HOST/PATH, and @ : / ? # in a password as %40 %3A %2F %3F %23",
        )
    return parts.scheme, host.rstrip("."), port or _PORTS[parts.scheme]


def next_hop(first: str, asked: str, location: str) -> str:
    """Where ``location``, the answer to ``asked``, leads to; RefusedError where it must not be followed."""
    try:
        target = urljoin(asked, location)
        scheme = origin(target)[0]
    except (UsageError, ValueError):
        raise RefusedError(f"{named(first)}: was redirected to {named(location)}, which cannot be followed") from None
    if origin(first)[0] == "https" and scheme != "https":
        raise RefusedError(f"{named(first)}: was redirected to {named(target)}, which is not https")
    return target


def named(url: str) -> str:
    """For people: without what stands in a link for its bearer, who may fetch with it."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        _ = parts.port  # with a / in it a password is cut, and what is left of it looks like a port
        return printable(urlunsplit((parts.scheme, host, parts.path, "", "")))[:200]
    except ValueError:
        return "what is no URL"


def _without_password(url: str) -> str:
    """Of what cannot be read as a URL: a password may stand anywhere before the last @."""
    return printable(re.split("[?#]", url.rpartition("@")[2])[0])[:200]
