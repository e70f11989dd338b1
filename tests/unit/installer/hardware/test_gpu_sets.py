"""How much of its memory a GPU gives to programs."""

import pytest

from installer.hardware.gpu_sets import GIB, MIB, GpuSet
from installer.hardware.gpu_spellings import parse_gpus


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


def test_usable_memory_is_less_than_all() -> None:
    found = GpuSet(1, 1, "T4", (7, 5), 15360 * MIB).usable
    assert found.low < found.likely < found.high < 15360 * MIB


@pytest.mark.parametrize(("total", "cuda"), [(81559, 81079), (143771, 143165)])
def test_what_cuda_gives_of_what_nvidia_smi_says(total: int, cuda: int) -> None:
    """MiB of an H100, by cuDeviceTotalMem and driver 580.159.04 (memory.reserved is the rest), and of an H200."""
    found = GpuSet(1, 1, "H100", (9, 0), total * MIB).usable
    assert found.low / MIB < cuda < found.high / MIB
