from pathlib import Path

import pytest

from installer.errors import DamagedError, RefusedError
from installer.index.components import ExtraPackage
from installer.staging import Staging
from installer.transaction import Transaction, try_together
from tests.fakes.bundle import BASE, TOOLKIT, MadeBundle, Recipe, make_bundle
from tests.fakes.node import FakeNode
from tests.fakes.staged import spoil, stage

VERSION = "4.8.5-44.el7.x86_64"


def package(name: str) -> ExtraPackage:
    return ExtraPackage(f"packages/{name}.rpm", name, VERSION, "a test", ())


@pytest.fixture(params=["rpm", "deb"])
def package_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(node: FakeNode, package_format: str) -> FakeNode:
    if package_format == "deb":
        node.become_debian()
    return node


@pytest.fixture
def made(tmp_path: Path, package_format: str) -> MadeBundle:
    """Of these gcc needs cpp."""
    recipe = Recipe(packages=(package("cpp"), package("gcc")), package_format=package_format)
    return make_bundle(tmp_path / "made", recipe)


@pytest.fixture
def staging(node: FakeNode, made: MadeBundle) -> Staging:
    staging = stage(node, made)
    node.changes.forget()
    return staging


def of(made: MadeBundle, *names: str) -> Transaction:
    kinds = (*made.index.of_kind("package"), *made.index.of_kind("toolkit"))
    return Transaction(tuple(file for file in kinds if Path(file.path).stem in names))


def test_what_a_later_one_needs_may_come_with_an_earlier(node: FakeNode, made: MadeBundle, staging: Staging) -> None:
    kind = made.index.target.packages
    with pytest.raises(RefusedError, match="cpp"):
        try_together(node, staging, kind, [of(made, "gcc"), of(made, BASE, TOOLKIT)])
    try_together(node, staging, kind, [of(made, "cpp"), Transaction(), of(made, "gcc"), of(made, BASE, TOOLKIT)])
    assert node.changes.done == []
    assert node.rpm.database == node.dpkg.database == {}


def test_what_would_stand_beside_another_version_is_tried_too(
    node: FakeNode, made: MadeBundle, staging: Staging
) -> None:
    beside = Transaction(beside=of(made, "gcc").files)
    kind = made.index.target.packages
    with pytest.raises(RefusedError, match="cpp"):
        try_together(node, staging, kind, [beside])
    try_together(node, staging, kind, [of(made, "cpp"), beside])


def test_where_nothing_is_missing_nobody_is_asked(node: FakeNode, made: MadeBundle, staging: Staging) -> None:
    for name in ("rpm", "apt-get"):
        node.at(f"/usr/bin/{name}").unlink(missing_ok=True)
    try_together(node, staging, made.index.target.packages, [Transaction(), Transaction()])


def test_a_copy_that_changed_is_not_shown_to_the_package_manager(
    node: FakeNode, made: MadeBundle, staging: Staging
) -> None:
    cpp = of(made, "cpp")
    spoil(node.at(staging.place_of(cpp.files[0])))
    with pytest.raises(DamagedError):
        try_together(node, staging, made.index.target.packages, [cpp])
