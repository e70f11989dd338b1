"""Drivers, their CUDA and their kernels: NVIDIA's release notes."""

import pytest

from installer.hardware.drivers import covers_minor_versions, is_beyond, least_driver, newest_cuda
from installer.hardware.kernels import LAST_BRANCH_FOR_3_10, least_kernel, runs_on_kernel
from installer.hardware.releases import Release, release


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("550.54.14", (12, 4, 0)),
        ("550.127.08", (12, 4, 0)),
        ("570.26", (12, 8, 0)),
        ("535.183.06", (12, 2, 0)),
        ("565.57.01", (12, 7, 0)),
        ("580.159.04", (13, 0, 0)),
        ("470.223.02", (11, 4, 0)),
        ("390.157", None),
    ],
)
def test_the_newest_cuda_of_a_driver(driver: str, cuda: Release | None) -> None:
    found = release(driver)
    assert found
    assert newest_cuda(found) == cuda
    assert not is_beyond(found)


def test_a_branch_after_all_that_are_known_may_have_a_newer_cuda() -> None:
    assert is_beyond((999, 1, 0))


@pytest.mark.parametrize(
    ("cuda", "driver"),
    [
        ((12, 4, 0), "550.54.14"),
        ((12, 4, 1), "550.54.14"),
        ((12, 2, 0), "535.54.03"),
        ((13, 0, 2), "580.65.06"),
        ((99, 0, 0), "a newer one"),
    ],
)
def test_the_least_driver_is_written_as_nvidia_does(cuda: Release, driver: str) -> None:
    assert least_driver(cuda) == driver


@pytest.mark.parametrize(
    ("driver", "cuda", "covers"),
    [
        ((525, 60, 13), (12, 9, 0), True),
        ((535, 183, 6), (12, 4, 1), True),
        ((525, 53, 0), (12, 4, 0), False),
        ((575, 57, 8), (13, 0, 0), False),
        ((580, 65, 6), (13, 2, 0), True),
        ((580, 65, 6), (12, 4, 0), False),
        ((470, 223, 2), (11, 8, 0), False),
    ],
)
def test_minor_versions_of_one_major_version_run(driver: Release, cuda: Release, *, covers: bool) -> None:
    assert covers_minor_versions(driver, cuda) == covers


@pytest.mark.parametrize(
    ("driver", "kernel", "runs"),
    [
        ("535.183.06", "3.10.0-1160.el7.x86_64", True),
        ("550.127.08", "3.10.0-1160.el7.x86_64", True),
        ("570.26", "3.10.0-1160.el7.x86_64", False),
        ("580.65.06", "4.14.0", False),
        ("580.65.06", "4.15.0-20-generic", True),
        ("580.65.06", "4.18.0-553.el8_10.x86_64", True),
        ("535.183.06", "2.6.32-754.el6.x86_64", False),
        ("580.65.06", "", True),
    ],
)
def test_a_branch_needs_a_kernel(driver: str, kernel: str, *, runs: bool) -> None:
    assert runs_on_kernel(driver, kernel) == runs


def test_the_last_branch_for_centos_7() -> None:
    assert least_kernel((LAST_BRANCH_FOR_3_10, 127, 8)) == (3, 10, 0)
    assert newest_cuda((LAST_BRANCH_FOR_3_10, 127, 8)) == (12, 4, 0)
