"""Where a redirect may lead, and who of those it leads to may learn who we are."""

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
        raise UsageError(f"{printable(url)[:200]}: not a URL that can be fetched", hint="write https://HOST/PATH")
    return parts.scheme, host.rstrip("."), port or _PORTS[parts.scheme]


def next_hop(first: str, asked: str, location: str) -> str:
    """Where ``location``, the answer to ``asked``, leads to; RefusedError where it must not be followed."""
    try:
        target = urljoin(asked, location)
        scheme = origin(target)[0]
    except (UsageError, ValueError):
        raise RefusedError(f"{first}: was redirected to {named(location)}, which cannot be followed") from None
    if origin(first)[0] == "https" and scheme != "https":
        raise RefusedError(f"{first}: was redirected to {named(target)}, which is not https")
    return target


def named(url: str) -> str:
    """For people: without what stands in a link for its bearer, who may fetch with it."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return printable(urlunsplit((parts.scheme, host, parts.path, "", "")))[:200]
    except ValueError:
        return "what is no URL"
