"""NVIDIA_REQUIRE_* expressions: held or not, and read as nvidia-container-cli reads them."""

import pytest

from installer.hardware.conditions import evaluate

T4 = {"driver": "550.127.08", "cuda": "12.4", "arch": "7.5", "brand": "tesla"}


@pytest.mark.parametrize(
    ("expression", "clause"),
    [
        ("cuda>=12.4", "cuda>=12.4"),
        ("cuda>=12.9 brand=tesla,driver>=550,driver<551", "brand=tesla,driver>=550,driver<551"),
        ("cuda>=12.9  brand=tesla,,driver>=550,", "brand=tesla,,driver>=550,"),
        ("brand=TESLA", "brand=TESLA"),
        ("BRAND=tesla", "BRAND=tesla"),
        ("brand!=geforce", "brand!=geforce"),
        ("arch>=7.5,arch<8", "arch>=7.5,arch<8"),
        ("cuda>=12.4 moon=full", "cuda>=12.4"),
    ],
)
def test_one_alternative_whose_conditions_all_hold_is_enough(expression: str, clause: str) -> None:
    outcome = evaluate(expression, T4)
    assert outcome.holds
    assert outcome.clause == clause


@pytest.mark.parametrize(
    "expression", ["cuda>=12.5", "brand=tesla,driver>=535,driver<536", "brand=geforce", "driver<550", "arch>=8.0"]
)
def test_no_alternative_holds(expression: str) -> None:
    outcome = evaluate(expression, T4)
    assert not outcome.holds
    assert outcome.invalid == ""


@pytest.mark.parametrize(
    "condition", ["moon=full", "cuda", ">=12.4", "cuda>=", "cuda=>12.4", "cuda==12.4", "brand>tesla", "driver>=550.x"]
)
def test_what_is_not_understood_ends_the_start_before_later_alternatives(condition: str) -> None:
    assert evaluate(f"{condition} cuda>=12.4", T4).invalid == condition
    assert evaluate(f"cuda>=12.9,{condition} cuda>=12.4", T4).holds


@pytest.mark.parametrize("expression", ["", " ", ",", " , "])
def test_nothing_asked_holds(expression: str) -> None:
    assert evaluate(expression, T4).holds


def test_of_what_is_not_known_anything_holds() -> None:
    unknown = {**T4, "arch": None, "brand": None}
    assert evaluate("brand=geforce,arch>=12.0", unknown).holds
    assert not evaluate("brand=geforce,cuda>=13.0", unknown).holds


@pytest.mark.parametrize("operator", ["=", "!=", ">", ">=", "<", "<="])
def test_every_operator(operator: str) -> None:
    compared = {"=": (0,), "!=": (-1, 1), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[operator]
    for difference in (-1, 0, 1):
        driver = f"{550 + difference}.0.0"
        assert evaluate(f"driver{operator}550", {**T4, "driver": driver}).holds == (difference in compared)


@pytest.mark.parametrize(
    ("less", "more"),
    [("550.54.14", "550.127.08"), ("9.10", "10.2"), ("535", "535.0.1"), ("535.183.06", "535.183.60")],
)
def test_versions_are_ordered_number_by_number(less: str, more: str) -> None:
    assert evaluate(f"driver<{more}", {**T4, "driver": less}).holds
    assert not evaluate(f"driver<={less}", {**T4, "driver": more}).holds


@pytest.mark.parametrize("same", ["535.183.6", "535.183.06.0", "535.183.06."])
def test_zeros_make_no_difference(same: str) -> None:
    assert evaluate(f"driver={same}", {**T4, "driver": "535.183.06"}).holds
