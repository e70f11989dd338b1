"""Which GPU a product name, a brand or a PCI device ID means."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from installer.hardware.gpus import brand_of, brands_of, gpu_of_device, gpu_of_product, is_virtual

H200 = Path(__file__).parents[3] / "recorded" / "h200"


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA H200 NVL", "H200"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100"),
        ("NVIDIA H20-3e", "H20"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100 80GB PCIe", "A100"),
        ("NVIDIA A100-PCIE-40GB", "A100"),
        ("NVIDIA A10", "A10"),
        ("NVIDIA A10G", "A10"),
        ("NVIDIA L20", "L20"),
        ("NVIDIA L40", "L40"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA B200", "B200"),
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("Tesla V100-PCIE-32GB", "V100"),
        ("NVIDIA GeForce RTX 4090", "RTX-40"),
        ("NVIDIA GeForce RTX 2080 Ti", "RTX-20"),
        ("GeForce RTX 2080 Ti", "RTX-20"),
        ("NVIDIA GeForce RTX 5090 D", "RTX-50"),
        ("Quadro RTX 8000", "Quadro-RTX"),
        ("NVIDIA RTX A6000", "RTX-A6000"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX-6000-Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000"),
        ("NVIDIA GB10", "GB10"),
    ],
)
def test_a_product_name_means_a_gpu(product: str, name: str) -> None:
    gpu = gpu_of_product(product)
    assert gpu
    assert gpu.name == name


@pytest.mark.parametrize(
    "product",
    ["", "NVIDIA", "Tesla P100-PCIE-16GB", "NVIDIA GH200 480GB", "NVIDIA GeForce GTX 1660", "GRID T4-16Q", "A10-24Q"],
)
def test_of_a_gpu_that_is_not_in_the_list_nothing_is_said(product: str) -> None:
    assert gpu_of_product(product) is None


@pytest.mark.parametrize(
    ("device", "name"), [("2335", "H200"), ("1eb8", "T4"), ("26BA", "L20"), ("2236", "A10"), ("2684", "RTX-40")]
)
def test_a_device_id_means_a_gpu(device: str, name: str) -> None:
    gpu = gpu_of_device(device)
    assert gpu
    assert gpu.name == name


def test_of_a_device_that_may_be_two_cards_or_none_nothing_is_said() -> None:
    assert gpu_of_device("25b6") is None
    assert gpu_of_device("ffff") is None


@pytest.mark.parametrize(
    ("reported", "brand"),
    [
        ("NVIDIA", "nvidia"),
        ("Tesla", "tesla"),
        ("GeForce", "geforce"),
        ("NVIDIA RTX", "nvidiartx"),
        ("Quadro RTX", "quadrortx"),
        ("NVIDIA RTX Virtual Workstation", "vws"),
        ("N/A", ""),
        ("", ""),
    ],
)
def test_a_brand_in_the_words_of_the_variable(reported: str, brand: str) -> None:
    assert brand_of(reported) == brand


def test_what_the_driver_reports_goes_before_what_such_a_card_may_report() -> None:
    assert brands_of("Tesla T4", "NVIDIA") == ("nvidia",)
    assert "tesla" in brands_of("Tesla T4", "")
    assert brands_of("NVIDIA of tomorrow", "") == ()


@pytest.mark.parametrize(
    ("product", "brand"),
    [
        ("NVIDIA GeForce GTX 1650", "geforce"),
        ("GeForce GTX 1080 Ti", "geforce"),
        ("NVIDIA TITAN RTX", "titanrtx"),
        ("Quadro P2000", "quadro"),
        ("NVIDIA RTX A2000", "nvidiartx"),
        ("Tesla P40", "tesla"),
    ],
)
def test_the_brand_of_a_card_that_is_not_in_our_list_is_in_its_name(product: str, brand: str) -> None:
    assert gpu_of_product(product) is None
    assert brand in brands_of(product, "")
    assert brands_of(f"{product}-8Q", "") == ()


def test_the_recorded_host_has_gpus_that_are_known() -> None:
    gpu = ET.fromstring((H200 / "q.xml").read_bytes()).find("gpu")  # noqa: S314 # our own file
    assert gpu is not None
    product, brand = gpu.findtext("product_name", ""), gpu.findtext("product_brand", "")
    found = gpu_of_product(product)
    assert found == gpu_of_device(gpu.findtext("pci/pci_device_id", "").removeprefix("0x")[:4])
    assert found
    assert (found.name, found.capability) == ("H200", (9, 0))
    assert set(brands_of(product, brand)) <= set(found.brands)


@pytest.mark.parametrize(
    ("product", "brand"),
    [
        ("GRID T4-16C", ""),
        ("NVIDIA A10-24Q", "NVIDIA RTX Virtual Workstation"),
        ("GRID A100-1-5CME", ""),
        ("NVIDIA A40", "NVIDIA Virtual Compute Server"),
    ],
)
def test_shares_of_gpus(product: str, brand: str) -> None:
    assert is_virtual(product, brand)


@pytest.mark.parametrize(
    ("product", "brand"),
    [("Tesla T4", "Tesla"), ("NVIDIA A100-SXM4-80GB", "NVIDIA"), ("NVIDIA RTX A6000", "NVIDIA RTX"), ("", "[N/A]")],
)
def test_whole_gpus(product: str, brand: str) -> None:
    assert not is_virtual(product, brand)
