"""The only place that speaks HTTP: one streamed GET, and what went wrong in words."""

from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from bundler.progress import Meter
from installer.errors import RefusedError, UnreachableError, printable

_TIMEOUTS = (15, 60)  # seconds to connect; seconds without a byte
_AGAIN = "the same command again starts over here"
_PIECE = 1 << 20  # bytes
# Whatever a server packs on the way would have another digest than the file.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "vllm-airgap"}


def download(url: str, write: Callable[[bytes], object], what: str, meter: Meter) -> None:
    """Hand the body of ``url`` to ``write``, piece by piece."""
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUTS, headers=_HEADERS) as response:
            _check(response, url)
            with meter(what, _length(response)) as advance:
                for piece in response.iter_content(_PIECE):
                    write(piece)
                    advance(len(piece))
            _demand_all(response, url)
    except requests.RequestException as error:
        raise UnreachableError(f"{url}: {_reason(error)}", hint=_AGAIN) from error


def _check(response: requests.Response, url: str) -> None:
    insecure = [hop.url for hop in (*response.history, response) if urlsplit(hop.url).scheme != "https"]
    if urlsplit(url).scheme == "https" and insecure:
        raise RefusedError(f"{url}: was redirected to {printable(insecure[0])}, which is not https")
    if response.status_code != requests.codes.ok:
        raise UnreachableError(
            f"{url}: the server answered {response.status_code} {printable(response.reason or '')}",
            hint="look at the version in the manifest, or say where the file is with `url`",
        )


def _demand_all(response: requests.Response, url: str) -> None:
    """urllib3 before 2 takes a cut connection for the end of the file."""
    length, received = _length(response), response.raw.tell()
    if length is not None and received != length:
        raise UnreachableError(f"{url}: ended after {received} of {length} bytes", hint=_AGAIN)


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _reason(error: requests.RequestException) -> str:
    """The innermost words: requests wraps urllib3 wraps the socket."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return printable(str(inner) or type(inner).__name__)[:200]
