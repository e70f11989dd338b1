"""What the HTTP libraries raise, in words that say what to do."""

import socket

import pytest
import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager

from bundler.http.failures import failure
from bundler.http.patience import AGAIN, TroubleError
from bundler.sources.runtime.standalone import MIRROR

URL = "https://hub.example/file"


def raised(kind: type[requests.ConnectionError], inner: Exception) -> requests.ConnectionError:
    """As requests wraps urllib3 wraps the socket."""
    retries = MaxRetryError(PoolManager().connection_from_url(URL), URL, inner)
    retries.__cause__ = inner
    error = kind(retries)
    error.__cause__ = retries
    return error


def unknown_name() -> NameResolutionError:
    reason = socket.gaierror(-2, "Name or service not known")
    error = NameResolutionError("hub.example", HTTPConnection("hub.example"), reason)
    error.__cause__ = reason
    return error


@pytest.mark.parametrize(
    "way", ["HTTPS_PROXY", "image.mirrors", "model.endpoint", "HF_ENDPOINT", "MODELSCOPE_ENDPOINT", MIRROR, AGAIN]
)
def test_a_name_that_nobody_knows_is_answered_with_every_other_way_out(way: str) -> None:
    found = failure(URL, raised(requests.ConnectionError, unknown_name()))
    assert isinstance(found, TroubleError)
    assert str(found) == f"{URL}: [Errno -2] Name or service not known"
    assert way in found.hint


def test_a_proxy_that_nobody_knows_is_looked_for_in_the_environment() -> None:
    found = failure(URL, raised(requests.exceptions.ProxyError, unknown_name()))
    assert isinstance(found, TroubleError)
    assert str(found) == f"{URL}: the proxy: [Errno -2] Name or service not known"
    assert found.hint == f"look at the host that HTTPS_PROXY names; {AGAIN}"


def test_a_server_that_does_not_listen_may_come_back() -> None:
    inner = NewConnectionError(HTTPConnection("hub.example"), "refused")
    found = failure(URL, raised(requests.ConnectionError, inner))
    assert isinstance(found, TroubleError)
    assert found.hint == AGAIN
