"""A token is sent to its hub, and stands nowhere else: not in lock, cache, log, error, nor at another host."""

import logging
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.http.credentials import Credentials
from bundler.lock import Lock, Part, render_lock
from bundler.manifest import ModelSpec
from bundler.sources.model import huggingface
from bundler.sources.model import modelscope as modelscope_source
from bundler.workplace import Found, Workplace
from installer.errors import AirgapError
from tests.fakes.huggingface import Hub
from tests.fakes.loopback_hub import Host, Repository, Storage
from tests.fakes.modelscope import ModelScopeHub
from tests.fakes.tiny_model import model_files
from tests.integration.sources.model.taking import fetched

TOKEN = "hf_SecretSecretSecret"
SPEC = ModelSpec("huggingface", "", "tiny", {}, (), "org/tiny", "main")


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "huggingface_hub", "httpx2", "httpcore2", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, name)


def stands_in(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if TOKEN.encode() in path.read_bytes()]


def check_nothing_kept(found: Found, may_read: Credentials, work: Workplace, storage: Storage) -> None:
    assert len(fetched(found, may_read, work)) == len(model_files()) - 1
    lock = render_lock(Lock({"model": Part("0" * 64, found.component, found.files)}))
    assert TOKEN.encode() not in lock
    assert TOKEN not in repr(found) + repr(may_read)
    assert stands_in(work.cache.folder) == []
    assert storage.asked
    assert not any(TOKEN in str(request) for request in storage.asked)


def check_nothing_logged(host: Host, told: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert any(TOKEN in str(request.headers) for request in host.asked)
    assert not any(TOKEN in request.path for request in host.asked)
    assert TOKEN not in caplog.text + " ".join(told)


@pytest.mark.parametrize("trouble", ["gated", "private", "revision", "page", "away", "moved"])
def test_not_in_errors_of_hugging_face(
    hub: Hub, repository: Repository, work: Workplace, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """Also where a hub or proxy repeats what was sent to it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.echoes = True
    revision = "v9" if trouble == "revision" else "main"
    if trouble in {"gated", "private"}:
        repository.token = "another"
    if trouble == "gated":
        hub.gated.add("org/tiny")
    if trouble == "page":
        hub.broken_with = f"<html>Bearer {TOKEN}</html>".encode()
    if trouble == "away":
        hub.breaks = 1000
    if trouble == "moved":
        repository.names["gone"] = hub.lies["vocab.json"] = "0" * 40
    with pytest.raises(AirgapError) as caught:
        huggingface.find(replace(SPEC, revision=revision), work)
    check_nothing_told(caught.value)


@pytest.mark.parametrize("trouble", ["private", "page", "revision"])
def test_not_in_errors_of_modelscope(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    if trouble == "private":
        repository.token = "another"
    if trouble == "page":
        modelscope.broken_with = f"<html>Bearer {TOKEN}</html>".encode()
    with pytest.raises(AirgapError) as caught:
        modelscope_source.find(replace(SPEC, revision="v9" if trouble == "revision" else "master"), work)
    check_nothing_told(caught.value)


def check_nothing_told(error: AirgapError) -> None:
    """Not even to a debugger: the exceptions behind it are those of huggingface_hub and requests."""
    assert TOKEN not in f"{error!r} {error} {error.hint}"
    assert TOKEN not in "".join(traceback.format_exception(error))


def test_of_hugging_face(
    hub: Hub,
    repository: Repository,
    work: Workplace,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub.gated.add("org/tiny")
    hub.breaks, hub.cut = 3, 100
    repository.token = TOKEN
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    check_nothing_kept(huggingface.find(SPEC, work), huggingface.credentials(hub.url), work, hub.storage)
    check_nothing_logged(hub, told, caplog)


def test_of_modelscope(
    modelscope: ModelScopeHub,
    repository: Repository,
    work: Workplace,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    repository.token = TOKEN
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    modelscope.breaks, modelscope.cut = 3, 100
    may_read = modelscope_source.credentials(modelscope.url)
    check_nothing_kept(modelscope_source.find(SPEC, work), may_read, work, modelscope.storage)
    check_nothing_logged(modelscope, told, caplog)
