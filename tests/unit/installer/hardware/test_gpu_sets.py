"""GPUs as a person writes them, and how much of their memory a program gets."""

import pytest

from installer.errors import UsageError
from installer.hardware.gpu_sets import GIB, MIB, GpuSet, parse_gpus
from installer.index.gpus import GPUS


def test_nodes_gpus_name_and_memory() -> None:
    found = parse_gpus("2x1xT4-16G")
    assert (found.nodes, found.per_node, found.name, found.capability, found.count) == (2, 1, "T4", (7, 5), 2)
    assert found.total == 15360 * MIB


@pytest.mark.parametrize(
    ("text", "total", "least", "most"),
    [
        ("1x1xT4-16G", 15360, 14.58, 14.75),
        ("1x1xA10", 23028, 22.06, 22.25),
        ("1x1xL20", 46068, 44.4, 44.8),
        ("1x1xA100-80G", 81920, 79.1, 79.8),
        ("1x1xH200", 143771, 139.2, 140.8),
        ("1x1xRTX-40-24G", 24564, 23.5, 23.8),
    ],
)
def test_the_cards_that_were_seen(text: str, total: int, least: float, most: float) -> None:
    """``total`` is memory.total of nvidia-smi in MiB, the others what PyTorch said of total memory, in GiB."""
    found = parse_gpus(text)
    assert found.total / MIB == pytest.approx(total, rel=0.006)
    assert found.usable.low / GIB == pytest.approx(least, rel=0.01)
    assert found.usable.high / GIB == pytest.approx(most, rel=0.01)


def test_a_name_is_found_in_any_case() -> None:
    assert parse_gpus("1x2xrtx-6000-ada").name == "RTX-6000-Ada"


@pytest.mark.parametrize("text", ["", "T4", "2xT4", "0x1xT4", "2 x 1 x T4", "2x1xT4\n"])
def test_what_is_no_set_of_gpus(text: str) -> None:
    with pytest.raises(UsageError, match="NODESxGPUSxNAME"):
        parse_gpus(text)


@pytest.mark.parametrize("name", ["T5", "T4-16", "T4-16GB"])
def test_an_unknown_gpu_names_those_that_are_known(name: str) -> None:
    with pytest.raises(UsageError, match=f"no GPU '{name}' is known") as error:
        parse_gpus(f"2x1x{name}")
    assert "T4" in error.value.hint


def test_a_card_of_two_sizes_must_say_which() -> None:
    with pytest.raises(UsageError, match="with 40 or 80 GB") as error:
        parse_gpus("1x8xA100")
    assert error.value.hint == "say which: --gpus 1x8xA100-80G"


@pytest.mark.parametrize("name", GPUS)
def test_every_card_is_known_or_asks_for_its_size(name: str) -> None:
    try:
        found = parse_gpus(f"1x1x{name}")
    except UsageError as error:
        found = parse_gpus(error.hint.removeprefix("say which: --gpus "))
    assert found.usable.low > 0


def test_usable_memory_is_less_than_all() -> None:
    found = GpuSet(1, 1, "T4", (7, 5), 15360 * MIB).usable
    assert found.low < found.likely < found.high < 15360 * MIB


@pytest.mark.parametrize(("total", "cuda"), [(81559, 81079), (143771, 143165)])
def test_what_cuda_gives_of_what_nvidia_smi_says(total: int, cuda: int) -> None:
    """MiB of an H100, by cuDeviceTotalMem and driver 580.159.04 (memory.reserved is the rest), and of an H200."""
    found = GpuSet(1, 1, "H100", (9, 0), total * MIB).usable
    assert found.low / MIB < cuda < found.high / MIB
