"""Names as os-release of those distributions has them."""

from dataclasses import replace

import pytest

from installer.facts.distribution import DEBIAN, RED_HAT, SUSE, Family, family_of
from tests.fakes.facts import GOOD_NODE


@pytest.mark.parametrize(
    ("name", "like", "family"),
    [
        ("centos", "rhel fedora", RED_HAT),
        ("rocky", "rhel centos fedora", RED_HAT),
        ("openEuler", "", RED_HAT),
        ("kylin", "", RED_HAT),
        ("sles", "", SUSE),
        ("sles", "suse", SUSE),
        ("opensuse-leap", "suse opensuse", SUSE),
        ("debian", "", DEBIAN),
        ("ubuntu", "debian", DEBIAN),
        ("", "", RED_HAT),
    ],
)
def test_the_family_of_a_distribution(name: str, like: str, family: Family) -> None:
    assert family_of(replace(GOOD_NODE.system, distribution=name, like=tuple(like.split()))) == family


def test_of_a_name_that_is_none_of_ours_its_programs_tell() -> None:
    system = replace(GOOD_NODE.system, distribution="uos", like=())
    assert family_of(replace(system, programs={"apt-get": "/usr/bin/apt-get"})) == DEBIAN
    assert family_of(replace(system, programs={"apt-get": "/usr/bin/apt-get", "rpm": "/usr/bin/rpm"})) == RED_HAT


def test_headers_are_named_by_the_kernel_that_runs() -> None:
    assert RED_HAT.headers_of("5.14.0-427.el9.x86_64") == "kernel-devel-5.14.0-427.el9.x86_64"
    assert SUSE.headers_of("5.14.21-150400.24.33-default") == "kernel-default-devel=5.14.21-150400.24.33"
    assert SUSE.headers_of("5.14.21-150400.14.5-azure") == "kernel-azure-devel=5.14.21-150400.14.5"
    assert DEBIAN.headers_of("6.1.0-18-amd64") == "linux-headers-6.1.0-18-amd64"


def test_fabric_manager_is_named_by_its_driver() -> None:
    assert RED_HAT.fabric_manager_of("550.127.08") == "nvidia-fabric-manager 550.127.08"
    assert DEBIAN.fabric_manager_of("550.127.08") == "nvidia-fabricmanager-550 550.127.08"
