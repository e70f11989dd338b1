import pytest

from installer.engine import DOCKER_UNIT
from installer.errors import DamagedError, RefusedError
from installer.staging import Staging
from installer.steps.toolkit_packages import InstallToolkit
from tests.fakes.bundle import BASE, TOOLKIT, MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.staged import spoil, stage
from tests.fakes.stepping import assert_settled, make_true


def step_of(made: MadeBundle, staging: Staging) -> InstallToolkit:
    assert made.index.toolkit
    return InstallToolkit(made.index.toolkit, made.index.target.packages, made.index.of_kind("toolkit"), staging)


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> InstallToolkit:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_both(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, "/models")).pending(node) == f"not installed: {BASE}, {TOOLKIT}"


def test_all_go_in_by_one_transaction(node: FakeNode, step: InstallToolkit) -> None:
    node.changes.forget()
    make_true(step, node)
    assert node.rpm.database == {BASE: "1.17.8-1.x86_64", TOOLKIT: "1.17.8-1.x86_64"}
    assert node.changes.done == [f"rpm -U {BASE} {TOOLKIT}"]


def test_a_second_run_changes_nothing(node: FakeNode, step: InstallToolkit) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_one_of_them_that_is_there_already_is_no_obstacle(node: FakeNode, step: InstallToolkit) -> None:
    node.rpm.database[BASE] = "1.17.8-1.x86_64"
    assert step.pending(node) == f"not installed: {TOOLKIT}"
    make_true(step, node)


def test_an_older_version_is_replaced(node: FakeNode, step: InstallToolkit) -> None:
    node.rpm.database |= {BASE: "1.16.2-1.x86_64", TOOLKIT: "1.16.2-1.x86_64"}
    make_true(step, node)


def test_a_newer_version_is_left_alone(node: FakeNode, step: InstallToolkit) -> None:
    """It came from the site, and serves as well: to go back would be refused, and the driver is in place by then."""
    node.rpm.database |= {BASE: "1.18.0-1.x86_64", TOOLKIT: "1.18.0-1.x86_64"}
    assert_settled(step, node)


def test_what_rpm_refuses_is_refused_before_any_change(node: FakeNode, made: MadeBundle, step: InstallToolkit) -> None:
    node.rpm.database[TOOLKIT] = "1.18.0-1.x86_64"
    before = list(node.changes.done)
    with pytest.raises(RefusedError, match="which is newer than") as caught:
        step.apply(node)
    assert caught.value.exit_code == 6
    assert node.changes.done == before


def test_docker_starts_after_the_hook_is_there(node: FakeNode, made: MadeBundle, step: InstallToolkit) -> None:
    install(node, made, HEAD)
    del node.rpm.database[TOOLKIT]
    make_true(step, node)
    assert node.systemd.states.get(DOCKER_UNIT) is None


def test_a_package_copy_that_changed_is_not_installed(node: FakeNode, made: MadeBundle, step: InstallToolkit) -> None:
    spoil(node.at(step.staging.place_of(step.files[1])))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert node.rpm.database == {}
