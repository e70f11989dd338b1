"""Loopback hubs with one model, and a workplace that loses no time on pauses."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before huggingface_hub is imported, which reads it once: no token of the person who runs the tests may be used.
os.environ["HF_TOKEN_PATH"] = os.devnull

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.progress import unwatched
from bundler.workplace import Workplace
from tests.fakes.huggingface import Hub
from tests.fakes.loopback_hub import Repository, Storage, serving
from tests.fakes.modelscope import ModelScopeHub
from tests.fakes.tiny_model import model_files

ENVIRONMENT = "HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_HUB_OFFLINE MODELSCOPE_API_TOKEN MODELSCOPE_DOMAIN"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ENVIRONMENT.split():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def work(tmp_path: Path, told: list[str]) -> Iterator[Workplace]:
    patience = Patience(tell=told.append, sleep=lambda _seconds: None)
    with Client(patience) as client:
        yield Workplace(Cache(tmp_path / "cache"), unwatched, told.append, client, 4)


@pytest.fixture
def storage() -> Iterator[Storage]:
    with serving(Storage()) as storage:
        yield storage


@pytest.fixture
def repository() -> Repository:
    repository = Repository()
    repository.push("main", model_files())
    return repository


@pytest.fixture
def hub(storage: Storage, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(storage)) as hub:
        hub.repositories["org/tiny"] = repository
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def modelscope(storage: Storage, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelScopeHub]:
    repository.names["master"] = repository.names["main"]
    with serving(ModelScopeHub(storage)) as hub:
        hub.repositories["org/tiny"] = repository
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.url)
        yield hub
