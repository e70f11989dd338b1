"""What the HTTP libraries raise, in words, and told apart: what may pass by itself, and what a person must change."""

import http.client

import requests
from requests import exceptions
from urllib3.exceptions import HTTPError, IncompleteRead, LocationParseError, NameResolutionError, ReadTimeoutError

from bundler.http.patience import AGAIN, TroubleError
from installer.errors import AirgapError, EnvironmentProblemError, UnreachableError, UsageError, printable

RAISED = (requests.RequestException, HTTPError)
_NO_URL = (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema)
_WORDS = (
    ((IncompleteRead, http.client.IncompleteRead), "the connection was cut"),
    ((ReadTimeoutError,), "the server fell silent"),
    ((exceptions.InvalidURL, LocationParseError), "not a URL"),  # theirs show all of it
)
_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
_NO_SOCKS = "SOCKS support"
_OTHER_WAYS = (
    "behind a proxy set HTTPS_PROXY; where there is a mirror, name it in the manifest (image.mirrors, model.endpoint, "
    "the url of any other part) or by HF_ENDPOINT, MODELSCOPE_ENDPOINT, PBS_INSTALLER_BASE_URL (the runtime); "
    f"{AGAIN}"
)
_PROXY_PASSWORD = "407"  # noqa: S105 # a status


def failure(url: str, error: Exception) -> AirgapError | TroubleError:
    """To be raised instead of ``error``, one of RAISED, which came of asking for ``url``."""
    words = _reason(error)
    if isinstance(error, exceptions.InvalidSchema) and _NO_SOCKS in words:
        return UsageError(
            f"{url}: the environment names a SOCKS proxy, and nothing here speaks with one",
            hint="pip install PySocks, or set HTTPS_PROXY to an HTTP proxy",
        )
    if isinstance(error, _NO_URL):
        return UsageError(f"{url}: {words}", hint="look at how the URL is written")
    if _CERTIFICATE in words:
        return UnreachableError(
            f"{url}: {words}",
            hint="behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to a file that holds its certificate, too",
        )
    if isinstance(error, exceptions.ProxyError) and _PROXY_PASSWORD in words:
        return UnreachableError(
            f"{url}: the proxy wants a password", hint="set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
        )
    if isinstance(error, exceptions.ProxyError):
        look = f"look at the host that HTTPS_PROXY names; {AGAIN}"
        return TroubleError(f"{url}: the proxy: {words}", hint=look)
    is_unknown = any(isinstance(each, NameResolutionError) for each in _chain(error))
    return TroubleError(f"{url}: {words}", hint=_OTHER_WAYS if is_unknown else AGAIN)


def not_to_be_sent(url: str) -> UsageError:
    """For credentials that no header can hold. What the libraries raise shows them."""
    return UsageError(
        f"{url}: a token or password for it holds a line break, or a sign that cannot be sent",
        hint="set it again; a file that it is read from may end in more than one line",
    )


def system_failure(error: OSError) -> EnvironmentProblemError:
    """For what has nothing to do with the line: no file of certificates, say, or too many open files."""
    hint = "" if error.errno else "REQUESTS_CA_BUNDLE or SSL_CERT_FILE names a file that is not there"
    return EnvironmentProblemError(printable(str(error))[:300], hint=hint)


def _reason(error: BaseException) -> str:
    """In our words, or the innermost ones: requests wraps urllib3 wraps the socket."""
    chain = _chain(error)
    for kind, words in _WORDS:
        if any(isinstance(each, kind) for each in chain):
            return words
    return printable(str(chain[-1]) or type(chain[-1]).__name__)[:200]


def _chain(error: BaseException) -> list[BaseException]:
    """It, and what it came of, the innermost last."""
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    return chain
