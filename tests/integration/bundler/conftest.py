"""A site with tiny inputs, and a server that has them, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.web import Web, serving
from tests.unit.bundler.making import Site, make_site


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture
def web(site: Site) -> Iterator[Web]:
    names = ("driver.run", "docker.tgz", "toolkit.tar.gz")
    with serving({f"/{name}": (site.folder / name).read_bytes() for name in names}) as web:
        yield web
