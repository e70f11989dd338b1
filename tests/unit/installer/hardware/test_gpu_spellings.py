"""GPUs as a person writes them; what is misspelt is answered with what may be meant."""

import pytest

from installer.errors import UsageError
from installer.hardware.gpu_sets import MIB
from installer.hardware.gpu_spellings import meant_name, parse_gpus
from installer.index.gpus import GPUS


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as error:
        parse_gpus(text)
    return error.value


def test_nodes_gpus_name_and_memory() -> None:
    found = parse_gpus("2x1xT4-16G")
    assert (found.nodes, found.per_node, found.name, found.capability, found.count) == (2, 1, "T4", (7, 5), 2)
    assert found.total == 15360 * MIB


def test_a_name_is_found_in_any_case() -> None:
    assert parse_gpus("1x2xrtx-6000-ada").name == "RTX-6000-Ada"


@pytest.mark.parametrize("text", ["", "T4", "2xT4", "0x1xT4", "2 x 1 x T4", "2x1xT4\n", "many"])
def test_what_is_no_set_of_gpus_is_told_the_form_and_the_names(text: str) -> None:
    error = refusal(text)
    assert "NODESxGPUSxNAME" in str(error)
    assert "2x1xT4-16G" in str(error)
    assert all(name in error.hint for name in GPUS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("T4", "1x1xT4-16G"),
        ("2xT4", "2x1xT4-16G (2 nodes with 1 GPU each) or 1x2xT4-16G (1 node with 2 GPUs)"),
        ("2 x 1 x T4", "2x1xT4-16G"),
        ("2x1xT4\n", "2x1xT4-16G"),
        ("2X1XT4-16G", "2x1xT4-16G"),
        ("2x1xT5", "2x1xT4-16G"),
        ("2x1xT4-16", "2x1xT4-16G"),
        ("2x1xT4-16GB", "2x1xT4-16G"),
        ("2x1xT4 16G", "2x1xT4-16G"),
        ("2x1xTesla-T4", "2x1xT4-16G"),
        ("1x8xA100-SXM4-80GB", "1x8xA100-80G"),
        ("1x8xA100-SXM4-40GB", "1x8xA100-40G"),
        ("1x8xNVIDIA_H100_NVL_94GB", "1x8xH100-94G"),
        ("1x2xRTX4090-24G", "1x2xRTX-40-24G"),
        ("1x2xRTX-3090", "1x2xRTX-30-24G"),
        ("1x2x3090", "1x2xRTX-30-24G"),
        ("3090", "1x1xRTX-30-24G"),
        ("4060Ti-16GB", "1x1xRTX-40-16G"),
        ("1x2x6000", "1x2xRTX-6000-Ada-48G"),
        ("1x2xRTX 6000", "1x2xRTX-6000-Ada-48G"),
        ("1x2xRTX PRO 6000", "1x2xRTX-PRO-6000-96G"),
        ("1x1xGH200", "1x1xH100-96G"),
        ("1x1xNVIDIA GH200 480GB", "1x1xH100-96G"),
        ("1x1xT4-0G", "1x1xT4-16G"),
        ("1x1xT4-016G", "1x1xT4-16G"),
        ("1x2xA10O-80G", "1x2xA100-80G"),
        ("1x2xA1OO", "1x2xA100-80G"),
        ("2x8xH20O-141G", "2x8xH200-141G"),
        ("1x2xA10Z-80G", "1x2xA100-80G"),
        ("1x2xA10Z-24G", "1x2xA10-24G"),
        ("1x4xL4X-48G", "1x4xL40-48G"),
        ("1x8xH10-80G", "1x8xH100-80G"),
    ],
)
def test_a_near_miss_is_told_what_may_be_meant(text: str, meant: str) -> None:
    hint = refusal(text).hint
    assert hint.startswith(f"did you mean {meant}? ")
    assert all(name in hint for name in GPUS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("T5", "T4"), ("t4", "T4"), ("Tesla-T4", "T4"), ("A10O", "A100"), ("RTX4090", "RTX-40"), ("many", ""), ("", "")],
)
def test_a_name_alone_is_told_what_may_be_meant(text: str, meant: str) -> None:
    assert meant_name(text) == meant


@pytest.mark.parametrize("text", ["\u0662x1xT4", "2x\u0661xT4-16G", "1x1xT4-\u0661\u0666G", "\u0662 x T4"])
def test_digits_of_other_scripts_are_none(text: str) -> None:
    assert refusal(text).hint == f"known: {', '.join(GPUS)}"


@pytest.mark.parametrize("name", ["G80", "W7900", "many", "8000", "4000"])
def test_an_unknown_gpu_names_those_that_are_known(name: str) -> None:
    error = refusal(f"2x1x{name}")
    assert str(error) == f"--gpus: no GPU '{name}' is known"
    assert f"known: {', '.join(GPUS)}" in error.hint


def test_a_card_of_two_sizes_must_say_which() -> None:
    error = refusal("1x8xA100")
    assert str(error) == "A100 is sold with 40 or 80 GB"
    assert error.hint == "say which: --gpus 1x8xA100-80G"


@pytest.mark.parametrize(
    ("text", "sold", "hint"),
    [
        ("2x1xT4-17G", "T4 is sold with 16 GB, not with 17", "--gpus 2x1xT4-16G"),
        ("1x1xRTX-40-9999G", "RTX-40 is sold with 4 to 128 GB, not with 9999", "--gpus 1x1xRTX-40-24G"),
        ("1x1xRTX-40-1G", "RTX-40 is sold with 4 to 128 GB, not with 1", "--gpus 1x1xRTX-40-24G"),
        ("1x8xA100-64G", "A100 is sold with 40 or 80 GB, not with 64", "--gpus 1x8xA100-40G or --gpus 1x8xA100-80G"),
    ],
)
def test_memory_that_a_card_does_not_have_is_refused(text: str, sold: str, hint: str) -> None:
    error = refusal(text)
    assert str(error) == f"--gpus: {sold}"
    assert error.hint == hint


@pytest.mark.parametrize("text", ["1x8xH100-94G", "1x8xH100-80G", "1x8xB200-192G", "1x8xH20-141G", "1x2xRTX-30-12G"])
def test_sizes_that_a_card_is_sold_with_now_and_then_are_taken(text: str) -> None:
    assert parse_gpus(text).per_node in {2, 8}


def test_the_usual_size_is_taken_where_others_are_rare() -> None:
    assert parse_gpus("1x8xH100") == parse_gpus("1x8xH100-80G")


@pytest.mark.parametrize("name", GPUS)
def test_every_card_is_known_or_asks_for_its_size(name: str) -> None:
    try:
        found = parse_gpus(f"1x1x{name}")
    except UsageError as error:
        found = parse_gpus(error.hint.removeprefix("say which: --gpus "))
    assert found.usable.low > 0
