"""The proxies that the environment names, looked at before they are used: errors of libraries would show passwords."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from installer.errors import UsageError

_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_SCHEMES: Final = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


def check_proxies(environment: Mapping[str, str]) -> None:
    """UsageError, which does not show the value, for a variable that names no proxy."""
    for name in _VARIABLES:
        value = environment.get(name, "")
        if value and not _is_proxy(value):
            raise UsageError(
                f"{name}: not a URL", hint="write http://HOST:PORT, and # / [ in a password as %23 %2F %5B"
            )


def _is_proxy(value: str) -> bool:
    """A scheme may be missing. What follows host and port was meant to be part of the password."""
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        port, read_by_urllib3 = parts.port, parse_url(url)
        unquote(f"{parts.username}{parts.password}").encode("latin-1")  # as it is sent
    except (ValueError, LocationParseError):
        return False
    is_known = parts.scheme in _SCHEMES
    has_more = parts.path not in {"", "/"} or "?" in url or "#" in url or any(sign.isspace() for sign in url)
    return is_known and bool(parts.hostname) and (read_by_urllib3.port == port) and not has_more
