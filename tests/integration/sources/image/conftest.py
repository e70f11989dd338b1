"""A cache, a client without patience for real time, an image with an incompressible layer, and nobody's login."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.progress import unwatched
from bundler.workplace import Workplace
from tests.integration.sources.image.certificates import Certificates, make_certificates
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, tar

METADATA = "usr/local/lib/python3.12/dist-packages/{}.dist-info/METADATA"
NOTE = tar({"etc/note": b"the same in two layers"})


@pytest.fixture(scope="session")
def image() -> FakeImage:
    """Three megabytes, of which a line can be cut often."""
    large = random.Random(1).randbytes(3_000_000)  # noqa: S311 # nothing secret
    layers = (
        tar({METADATA.format("vllm-0.7.0"): b"x", METADATA.format("ray-2.40.0"): b"x"}),
        NOTE,
        tar({"large": large}),
        NOTE,
        tar({"usr/local/lib/python3.12/dist-packages/.wh.ray-2.40.0.dist-info": b""}),
    )
    environment = {"Env": ["CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"], "Entrypoint": ["vllm", "serve"]}
    return FakeImage(layers, extra={"config": environment})


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "files")


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def work(tmp_path: Path, told: list[str]) -> Iterator[Workplace]:
    patience = Patience(tell=told.append, sleep=lambda _: None)
    with Client(patience) as client:
        yield Workplace(Cache(tmp_path / "cache"), unwatched, told.append, client, jobs=3)


@pytest.fixture
def other_work(work: Workplace, tmp_path: Path) -> Workplace:
    """With nothing in its cache."""
    return replace(work, cache=Cache(tmp_path / "other-cache"))
