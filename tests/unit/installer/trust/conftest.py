"""A signed bundle, made by the real build."""

import shutil
from pathlib import Path

import pytest

from tests.unit.bundler.making import make_site
from tests.unit.installer.trust.signed import SignedBundle


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> SignedBundle:
    site = make_site(tmp_path_factory.mktemp("site"))
    return SignedBundle(site.build().folder, site.key)


@pytest.fixture
def bundle(original: SignedBundle, tmp_path: Path) -> SignedBundle:
    """A copy to spoil. Its big file has its real size, so that the middle of it can be damaged."""
    shutil.copytree(original.folder, tmp_path / "bundle")
    return SignedBundle(tmp_path / "bundle", original.key)
