"""NVIDIA_REQUIRE_*: who may start an image, and who only by a clause for its branch."""

import pytest

from bundler.lint.drivers import least_driver, newest_cuda, usual_requirement
from bundler.lint.requirements import Offer, judge
from bundler.releases import Release, release
from installer.index.gpus import GPUS
from tests.unit.bundler.lint.scenes import requirement

CUDA_12_4 = requirement("12.4", (470, 525, 535))


def offer(driver: str, gpu: str = "") -> Offer:
    found = release(driver)
    assert found
    return Offer(found, GPUS.get(gpu))


@pytest.mark.parametrize(
    ("driver", "passes", "natively"),
    [
        ("550.127.08", True, True),
        ("550.54.14", True, True),
        ("535.183.06", True, False),
        ("545.23.08", False, True),
        ("525.60.13", True, False),
        ("390.1", False, True),
        ("999.1", True, True),
    ],
)
def test_a_driver_passes_by_its_cuda_or_by_its_branch(driver: str, *, passes: bool, natively: bool) -> None:
    verdict = judge(CUDA_12_4, offer(driver, "T4"))
    assert verdict.passes == passes
    assert verdict.natively == natively or not passes


def test_the_branch_clause_is_for_a_brand() -> None:
    assert not judge(CUDA_12_4, offer("535.183.06", "RTX-30")).passes
    assert judge(CUDA_12_4, offer("535.183.06", "L20")).passes
    assert judge(CUDA_12_4, offer("535.183.06")).passes


def test_several_variables_must_all_hold() -> None:
    both = {**CUDA_12_4, "NVIDIA_REQUIRE_ARCH": "arch>=8.0"}
    assert not judge(both, offer("550.127.08", "T4")).passes
    assert judge(both, offer("550.127.08", "L20")).passes


def test_what_is_not_understood_or_not_asked_holds() -> None:
    assert judge({}, offer("550.127.08")).passes
    assert judge({"NVIDIA_REQUIRE_CUDA": ""}, offer("550.127.08")).passes
    assert judge({"NVIDIA_REQUIRE_CUDA": "moon=full"}, offer("550.127.08")).passes


@pytest.mark.parametrize("operator", ["=", "!=", ">", ">=", "<", "<="])
def test_every_operator(operator: str) -> None:
    compared = {"=": (0,), "!=": (-1, 1), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[operator]
    for difference in (-1, 0, 1):
        verdict = judge({"A": f"driver{operator}550.0.0"}, offer(f"{550 + difference}.0.0"))
        assert verdict.passes == (difference in compared)


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [((550, 54, 14), (12, 4, 0)), ((570, 26, 0), (12, 8, 0)), ((535, 183, 6), (12, 2, 0)), ((470, 1, 1), None)],
)
def test_the_newest_cuda_of_a_driver(driver: Release, cuda: Release | None) -> None:
    assert newest_cuda(driver) == cuda


def test_the_least_driver_is_written_as_nvidia_does() -> None:
    assert least_driver((12, 4, 0)) == "550.54.14"
    assert least_driver((12, 2, 0)) == "535.54.03"
    assert least_driver((99, 0, 0)) == "a newer one"


def test_the_usual_requirement_lets_the_known_branches_pass() -> None:
    assert judge({"A": usual_requirement("12.8.1")}, offer("550.127.08", "T4")).passes
    assert not judge({"A": usual_requirement("12.8.1")}, offer("550.127.08", "RTX-30")).passes
    assert judge({"A": usual_requirement("12.4")}, offer("535.183.06", "RTX-30")).passes
    assert usual_requirement("") == ""
