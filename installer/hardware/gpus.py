"""Which GPU a node has: by the name and brand that its driver gives, or without a driver by its PCI device ID."""

import re
from collections.abc import Mapping

from installer.index.gpus import GPUS, Gpu

# Series and cards whose names have more than one word, by how their product names begin.
_BY_BEGINNING: Mapping[str, str] = {
    r"GeForce RTX 20\d\d": "RTX-20",
    r"GeForce RTX 30\d\d": "RTX-30",
    r"GeForce RTX 40\d\d": "RTX-40",
    r"GeForce RTX 50\d\d": "RTX-50",
    r"Quadro RTX \d000": "Quadro-RTX",
    r"RTX A6000": "RTX-A6000",
    r"RTX 6000 Ada": "RTX-6000-Ada",
    r"RTX PRO 6000 Blackwell": "RTX-PRO-6000",
    r"A10G": "A10",
}
# The brands of cards that are not in our list, by a word of their names.
_BY_WORD: Mapping[str, tuple[str, ...]] = {
    "GeForce": ("geforce", "geforcertx"),
    "TITAN": ("titan", "titanrtx"),
    "Quadro": ("quadro", "quadrortx"),
    "RTX": ("nvidiartx", "quadrortx", "nvidia"),
    "Tesla": ("tesla", "nvidia"),
}
_MAKER = re.compile(r"(?:NVIDIA|Tesla) ")
_VIRTUAL = re.compile(r"-\d+[ABCQ](?:ME)?\Z")  # A10-24Q is a share of an A10, with licences and brands of its own
# What nvidia-smi calls a brand, where NVIDIA_REQUIRE_CUDA has another word for it than the same in small letters.
_VIRTUAL_BRANDS: Mapping[str, str] = {
    "nvidiavirtualapplications": "vapps",
    "nvidiavirtualpc": "vpc",
    "nvidiavirtualcomputeserver": "vcs",
    "nvidiartxvirtualworkstation": "vws",
    "nvidiacloudgaming": "cloudgaming",
}
# The README of NVIDIA's open kernel modules, "Compatible GPUs". 25b6 is an A16 or an A2, and Volta is not in it.
_BY_DEVICE: Mapping[str, str] = {
    "T4": "1eb8",
    "A100": "20b0 20b2 20b3 20b5 20f1",
    "A30": "20b7",
    "A800": "20bd 20f3 20f5 20f6",
    "RTX-A6000": "2230",
    "A40": "2235",
    "A10": "2236 2237",
    "H100": "2321 2330 2331 2339",
    "H800": "2322 2324 233a",
    "H20": "2329 232c",
    "H200": "2335 233b",
    "RTX-30": "2203 2204 2206 2207 2208 220a 2216",
    "RTX-40": "2684 2685 2689 2702 2704 2705 2709 2782 2783 2786 2788",
    "RTX-6000-Ada": "26b1",
    "L40": "26b5",
    "L40S": "26b9",
    "L20": "26ba",
    "L4": "27b8",
    "B200": "2901",
    "RTX-50": "2b85 2b87 2c02 2c05 2d04 2d05 2f04",
    "RTX-PRO-6000": "2bb1 2bb4 2bb5",
}
_DEVICES: Mapping[str, str] = {device: name for name, devices in _BY_DEVICE.items() for device in devices.split()}


def gpu_of_product(product: str) -> Gpu | None:
    """By nvidia-smi's product name: ``NVIDIA H100 80GB HBM3``, ``Tesla T4``. None of what is not in our list."""
    name = _MAKER.sub("", product.strip())
    if _VIRTUAL.search(name):
        return None
    series = next((gpu for beginning, gpu in _BY_BEGINNING.items() if re.match(rf"{beginning}\b", name)), None)
    return GPUS.get(series or re.split(r"[ -]", name, maxsplit=1)[0])


def gpu_of_device(device: str) -> Gpu | None:
    """Of a PCI device ID of NVIDIA's, four hex digits."""
    return GPUS.get(_DEVICES.get(device.lower(), ""))


def brand_of(reported: str) -> str:
    """A brand as nvidia-smi says it (``GeForce``, ``NVIDIA RTX``) in the words of NVIDIA_REQUIRE_CUDA; "" of none."""
    word = "".join(reported.lower().split())
    return "" if word in {"n/a", "[n/a]"} else _VIRTUAL_BRANDS.get(word, word)


def is_virtual(product: str, reported: str) -> bool:
    """A share of a GPU (vGPU), by either name: its driver comes with the hypervisor's, and no other one drives it."""
    return bool(_VIRTUAL.search(product.strip())) or brand_of(reported) in _VIRTUAL_BRANDS.values()


def brands_of(product: str, reported: str) -> tuple[str, ...]:
    """All that NVIDIA_REQUIRE_CUDA may be asked for: what the driver reports, else what such a card may report."""
    if brand_of(reported):
        return (brand_of(reported),)
    if gpu := gpu_of_product(product):
        return gpu.brands
    if _VIRTUAL.search(product.strip()):
        return ()
    return next((brands for word, brands in _BY_WORD.items() if word in product.split()), ())
