from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import DamagedError, RefusedError
from installer.index.components import ExtraPackage
from installer.staging import Staging
from installer.steps.packages import InstallPackages
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.installing import HEAD, install, install_again
from tests.fakes.node import FakeNode
from tests.fakes.staged import spoil, stage
from tests.fakes.stepping import assert_converges, assert_settled, make_true

OLD, NEW = "3.10.0-1160.el7.x86_64", "3.10.0-1160.119.1.el7.x86_64"
GCC = "4.8.5-44.el7.x86_64"


def package(name: str, version: str, kernels: tuple[str, ...] = ()) -> ExtraPackage:
    return ExtraPackage(
        f"packages/{name}-{version.replace(':', '.')}.rpm", name, version, "the driver needs it", kernels
    )


CENTOS = Recipe(
    packages=(
        package("cpp", GCC),
        package("gcc", GCC),
        package("perl", "4:5.16.3-299.el7_9.x86_64"),
        package("kernel-devel", OLD, (OLD,)),
        package("kernel-devel", NEW, (NEW,)),
    )
)
UBUNTU = Recipe(
    package_format="deb",
    packages=(
        package("cpp", "4:11.2.0-1ubuntu1"),
        package("gcc", "4:11.2.0-1ubuntu1"),
        package("linux-headers-5.15.0-100-generic", "5.15.0-100.110", ("5.15.0-100-generic",)),
        package("linux-headers-5.15.0-99-generic", "5.15.0-99.109", ("5.15.0-99-generic",)),
    ),
)


@pytest.fixture
def centos(tmp_path: Path) -> MadeBundle:
    return make_bundle(tmp_path / "centos", CENTOS)


@pytest.fixture
def node(node: FakeNode) -> FakeNode:
    node.run_kernel(NEW)
    return node


def step_of(made: MadeBundle, staging: Staging) -> InstallPackages:
    assert made.index.packages
    return InstallPackages(made.index.packages, made.index.target.packages, made.index.of_kind("package"), staging)


@pytest.fixture
def step(node: FakeNode, centos: MadeBundle) -> InstallPackages:
    return step_of(centos, stage(node, centos))


def test_a_bare_node_lacks_what_is_for_its_kernel_and_for_all(node: FakeNode, centos: MadeBundle) -> None:
    step = step_of(centos, Staging("0" * 64, "/models"))
    assert step.pending(node) == "not installed: cpp, gcc, perl, kernel-devel"


def test_all_of_them_go_in_by_one_transaction(node: FakeNode, step: InstallPackages) -> None:
    node.changes.forget()
    make_true(step, node)
    assert node.changes.done == ["rpm -U cpp gcc perl kernel-devel"]
    assert node.rpm.database["kernel-devel"] == NEW


def test_a_second_run_changes_nothing(node: FakeNode, step: InstallPackages) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_what_is_there_in_the_same_or_a_newer_version_is_left_alone(node: FakeNode, step: InstallPackages) -> None:
    node.rpm.database |= {
        "gcc": "4.8.5-44.el7.x86_64",
        "cpp": "10.1.0-1.el8.x86_64",
        "perl": "4:5.16.3-299.el7_9.x86_64",
    }
    make_true(step, node)
    assert node.rpm.database["cpp"] == "10.1.0-1.el8.x86_64"
    assert_settled(step, node)


def test_what_is_older_is_replaced(node: FakeNode, step: InstallPackages) -> None:
    node.rpm.database |= {"gcc": "4.8.5-4.el7.x86_64", "perl": "5.30.0-1.el7.x86_64"}
    assert step.pending(node) == "not installed: cpp, gcc, perl, kernel-devel"
    make_true(step, node)
    assert node.rpm.database["perl"] == "4:5.16.3-299.el7_9.x86_64"


def test_another_machines_package_of_that_name_does_not_count(node: FakeNode, step: InstallPackages) -> None:
    node.rpm.database |= {"gcc": "9.9.9-1.el7.i686"}
    assert "gcc" in str(step.pending(node))


def test_headers_of_a_newer_kernel_are_none_of_the_running_ones(node: FakeNode, step: InstallPackages) -> None:
    node.run_kernel(OLD)
    node.rpm.database |= {"kernel-devel": NEW}
    node.changes.forget()
    make_true(step, node)
    assert node.changes.done == ["rpm -U cpp gcc perl", "rpm -i kernel-devel"]
    assert node.rpm.database["kernel-devel"].split() == [NEW, OLD]
    assert_settled(step, node)


def test_a_kernel_that_no_package_is_for_gets_only_what_is_for_all(node: FakeNode, step: InstallPackages) -> None:
    node.run_kernel("5.14.0-427.el9.x86_64")
    make_true(step, node)
    assert "kernel-devel" not in node.rpm.database


def test_what_rpm_refuses_is_refused_before_any_change(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "alone", Recipe(packages=(package("gcc", GCC),)))
    step = step_of(made, stage(node, made))
    before = list(node.changes.done)
    with pytest.raises(RefusedError, match="cpp is needed by gcc") as caught:
        step.apply(node)
    assert caught.value.exit_code == 6
    assert node.changes.done == before


def test_headers_that_rpm_refuses_are_refused_before_the_rest_is_installed(node: FakeNode, tmp_path: Path) -> None:
    """They need perl, which the bundle lacks here."""
    made = make_bundle(tmp_path / "bundle", replace(CENTOS, packages=(CENTOS.packages[0], CENTOS.packages[4])))
    step = step_of(made, stage(node, made))
    node.rpm.database |= {"kernel-devel": OLD}
    node.changes.forget()
    with pytest.raises(RefusedError, match="perl is needed by kernel-devel"):
        step.apply(node)
    assert node.changes.done == []


def test_a_package_copy_that_changed_is_not_installed(node: FakeNode, step: InstallPackages) -> None:
    spoil(node.at(step.staging.place_of(step.files[0])))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert node.rpm.database == {}


def test_a_kill_at_any_moment_does_no_harm(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "bundle", CENTOS)

    def start(root: Path) -> tuple[FakeNode, InstallPackages]:
        node = FakeNode(root)
        node.run_kernel(OLD)
        node.rpm.database |= {"kernel-devel": NEW}
        return node, step_of(made, stage(node, made))

    assert assert_converges(start, tmp_path / "nodes") == 2


def test_they_are_there_before_the_driver(node: FakeNode, centos: MadeBundle) -> None:
    told = install(node, centos, HEAD)
    assert told.applied.index("packages") + 1 == told.applied.index("NVIDIA driver 550.127.08")
    install_again(node, centos, HEAD)


def test_on_debian_apt_plans_and_dpkg_installs(node: FakeNode, tmp_path: Path) -> None:
    node.become_debian()
    node.run_kernel("5.15.0-100-generic")
    made = make_bundle(tmp_path / "ubuntu", UBUNTU)
    step = step_of(made, stage(node, made))
    node.dpkg.removed.add("gcc")
    node.changes.forget()
    make_true(step, node)
    assert node.changes.done == ["dpkg --install cpp gcc linux-headers-5.15.0-100-generic"]
    assert_settled(step, node)


def test_on_debian_what_is_newer_is_left_alone(node: FakeNode, tmp_path: Path) -> None:
    node.become_debian()
    made = make_bundle(tmp_path / "ubuntu", UBUNTU)
    node.dpkg.database |= {"cpp": "4:12.1.0-1ubuntu1", "gcc": "4:11.2.0-1ubuntu1"}
    assert step_of(made, stage(node, made)).pending(node) is None


@pytest.mark.parametrize("there", ["5.15.0-100.110", "5.15.0-100.111"])
def test_on_debian_headers_have_the_kernel_in_their_name_and_may_be_newer(
    node: FakeNode, tmp_path: Path, there: str
) -> None:
    node.become_debian()
    node.run_kernel("5.15.0-100-generic")
    made = make_bundle(tmp_path / "ubuntu", replace(UBUNTU, packages=UBUNTU.packages[2:]))
    node.dpkg.database |= {"linux-headers-5.15.0-100-generic": there}
    assert step_of(made, stage(node, made)).pending(node) is None


def test_on_debian_older_headers_are_replaced_in_the_same_run(node: FakeNode, tmp_path: Path) -> None:
    """Of the rest something may need them, and dpkg looks no further than what one run is given."""
    node.become_debian()
    node.run_kernel("5.15.0-100-generic")
    made = make_bundle(tmp_path / "ubuntu", UBUNTU)
    node.dpkg.database |= {"linux-headers-5.15.0-100-generic": "5.15.0-100.109"}
    step = step_of(made, stage(node, made))
    node.changes.forget()
    make_true(step, node)
    assert node.changes.done == ["dpkg --install cpp gcc linux-headers-5.15.0-100-generic"]


def test_on_debian_what_is_missing_is_refused_before_any_change(node: FakeNode, tmp_path: Path) -> None:
    node.become_debian()
    with pytest.raises(RefusedError, match="gcc : Depends: cpp but it is not installable"):
        refused(node, tmp_path)


def test_on_debian_nothing_is_removed_to_make_place(node: FakeNode, tmp_path: Path) -> None:
    node.become_debian()
    node.dpkg.database |= {"cpp": "4:11.2.0-1ubuntu1", "clang": "1.0"}
    node.dpkg.in_the_way["gcc"] = "clang"
    with pytest.raises(RefusedError, match="clang would be removed"):
        refused(node, tmp_path)


def refused(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "gcc", replace(UBUNTU, packages=UBUNTU.packages[1:2]))
    step = step_of(made, stage(node, made))
    node.changes.forget()
    try:
        step.apply(node)
    finally:
        assert node.changes.done == []
