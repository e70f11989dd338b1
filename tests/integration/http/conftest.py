"""A server, a client without patience for real time, and a cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.http.sessions import Timeouts
from tests.fakes.web import Web, serving


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def client(pauses: list[float], told: list[str]) -> Iterator[Client]:
    patience = Patience(tell=told.append, sleep=pauses.append, now=lambda: 1_800_000_000, chance=lambda: 0.5)
    with Client(patience, Timeouts(connect=2, silence=0.5)) as client:
        yield client


@pytest.fixture
def web() -> Iterator[Web]:
    with serving({}) as web:
        yield web


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
