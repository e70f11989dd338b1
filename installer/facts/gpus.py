"""NVIDIA hardware: what the PCI bus has, also without a driver, and what the driver says of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from installer.facts.seen import answer, names_in, text_of
from installer.sight import Output, Sight

_PCI: Final = "/sys/bus/pci/devices"
_NVIDIA: Final = "10DE"
_DISPLAYS: Final = (0x0300, 0x0302)  # VGA and 3D controllers
_OTHER_BRIDGE: Final = 0x0680  # what an NVSwitch is on the bus
_FOR_GUESTS: Final = ("vfio-pci", "pci-stub", "pciback")  # modules that hold a device for a virtual machine
# The name comes last, so that a comma in one does no harm.
_GPU_FIELDS: Final = (
    *("index", "uuid", "driver_version", "memory.total", "memory.used", "compute_cap", "pci.bus_id"),
    *("mig.mode.current", "persistence_mode", "ecc.mode.current", "name"),
)
_PROCESS_FIELDS: Final = ("pid", "gpu_uuid", "used_memory", "process_name")
_NO_FIELD: Final = re.compile(r'Field "([\w.]+)" is not a valid field to query')
SLOWEST_SMI: Final = 180  # seconds; without persistence every call wakes every GPU: 30 s with eight A100

Row = Mapping[str, str]


@dataclass(frozen=True)
class PciGpu:
    """A display or 3D controller of NVIDIA's."""

    slot: str  # 0000:00:06.0
    device: str  # PCI device ID, four lower-case hex digits: 2335 is an H200
    module: str  # the kernel module that drives it: nvidia, nouveau, vfio-pci or ""

    @property
    def is_for_guests(self) -> bool:
        """No driver of this node gets at it."""
        return self.module in _FOR_GUESTS


@dataclass(frozen=True)
class SmiGpu:
    """One GPU as nvidia-smi tells it. Memory in MiB, 0 where it does not tell."""

    index: int
    uuid: str
    name: str
    driver: str
    memory: int
    used: int
    capability: tuple[int, int]  # (0, 0) from a driver before 510, which does not tell it
    slot: str  # as in PciGpu
    mig: bool
    persistence: bool
    ecc: bool | None  # None where the card has none

    @property
    def free(self) -> int:
        return self.memory - self.used


@dataclass(frozen=True)
class GpuProcess:
    """Somebody who holds memory of a GPU, in MiB."""

    pid: int
    name: str
    used: int
    gpu: str  # uuid


@dataclass(frozen=True)
class GpuFacts:
    """``smi_error`` is why nvidia-smi does not answer, in its own words; then ``smi`` is empty.

    Both are empty where there is no nvidia-smi. Where it is ``late``, nothing is known of the driver, good or bad.
    """

    pci: tuple[PciGpu, ...]
    nvswitches: int  # 0 also where they are no PCI devices of the node, as with NVLink 5
    smi: tuple[SmiGpu, ...]
    processes: tuple[GpuProcess, ...]
    smi_error: str
    brand: str  # of the first GPU, as `nvidia-smi -q -x` says it: NVIDIA, Tesla, GeForce ...
    fabric: str = ""  # its state of the first GPU, in the same words: N/A, Not Started, In Progress, Completed
    late: bool = False

    @property
    def drivable(self) -> tuple[PciGpu, ...]:
        """Those of the bus that a driver of this node can drive: not what it keeps for virtual machines."""
        return tuple(gpu for gpu in self.pci if not gpu.is_for_guests)

    @property
    def count(self) -> int:
        return len(self.smi) or len(self.drivable)


def gather_gpus(sight: Sight) -> GpuFacts:
    found = gather_cards(sight)
    if not found.smi:
        return found
    held = answer(sight, "nvidia-smi", _query("compute-apps", _PROCESS_FIELDS), "--format=csv", timeout=SLOWEST_SMI)
    if held.late:
        return found
    told = answer(sight, "nvidia-smi", "-q", "-x", "-i", "0", timeout=SLOWEST_SMI)
    return replace(
        found,
        processes=read_processes(held.stdout) if held.succeeded else (),
        brand=read_brand(told.stdout),
        fabric=read_fabric(told.stdout),
    )


def gather_cards(sight: Sight) -> GpuFacts:
    """By one call of nvidia-smi, so without processes, brand and fabric."""
    devices = [(slot, read_uevent(text_of(sight, f"{_PCI}/{slot}/uevent"))) for slot in names_in(sight, _PCI)]
    pci = tuple(PciGpu(slot, device.number, device.module) for slot, device in devices if device.is_gpu)
    nvswitches = sum(device.is_nvswitch for _, device in devices)
    if sight.finds("nvidia-smi") is None:
        return GpuFacts(pci, nvswitches, (), (), "", "")
    output = _ask_for_gpus(sight)
    smi = read_gpus(output.stdout) if output.succeeded else ()
    return GpuFacts(pci, nvswitches, smi, (), "" if smi else output.last_lines, "", late=output.late)


@dataclass(frozen=True)
class Device:
    """What the kernel tells of a device on the PCI bus."""

    vendor: str
    number: str
    kind: int  # base class and subclass
    module: str

    @property
    def is_gpu(self) -> bool:
        return self.vendor == _NVIDIA and self.kind in _DISPLAYS

    @property
    def is_nvswitch(self) -> bool:
        return self.vendor == _NVIDIA and self.kind == _OTHER_BRIDGE


def read_uevent(text: str) -> Device:
    """Of a PCI device's uevent in sysfs: DRIVER=nvidia, PCI_CLASS=30200, PCI_ID=10DE:2335 (kernel: pci_uevent)."""
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    vendor, _, number = told.get("PCI_ID", "").partition(":")
    kind = told.get("PCI_CLASS", "")
    is_hex = re.fullmatch(r"[0-9A-Fa-f]+", kind)
    return Device(vendor.upper(), number.lower(), int(kind, 16) >> 8 if is_hex else 0, told.get("DRIVER", ""))


def read_gpus(text: str) -> tuple[SmiGpu, ...]:
    """Of `nvidia-smi --query-gpu=... --format=csv` with its heading and units, in any order of fields."""
    return tuple(_gpu(row) for row in _rows(text) if row.get("index", "").isdecimal())


def read_processes(text: str) -> tuple[GpuProcess, ...]:
    """Of `nvidia-smi --query-compute-apps=... --format=csv`; a driver in a guest may not tell the memory."""
    return tuple(
        GpuProcess(
            pid=int(row["pid"]),
            name=row.get("process_name", ""),
            used=_mebibytes(row.get("used_gpu_memory", row.get("used_memory", ""))),
            gpu=row.get("gpu_uuid", ""),
        )
        for row in _rows(text)
        if row.get("pid", "").isdecimal()
    )


def read_brand(text: str) -> str:
    """Of `nvidia-smi -q -x`: the first product_brand."""
    found = re.search(r"<product_brand>([^<]*)</product_brand>", text)
    return found[1].strip() if found else ""


def read_fabric(text: str) -> str:
    """Of `nvidia-smi -q -x`, from branch 525 on: the state in the first <fabric>."""
    found = re.search(r"<fabric>\s*<state>([^<]*)</state>", text)
    return found[1].strip() if found else ""


def _ask_for_gpus(sight: Sight) -> Output:
    """An older driver names the first field that it does not know, and tells nothing."""
    fields = list(_GPU_FIELDS)
    while True:
        output = answer(sight, "nvidia-smi", _query("gpu", fields), "--format=csv", timeout=SLOWEST_SMI)
        unknown = _NO_FIELD.search(output.stdout + output.stderr)
        if unknown is None or unknown[1] not in fields:
            return output
        fields.remove(unknown[1])


def _query(what: str, fields: list[str] | tuple[str, ...]) -> str:
    return f"--query-{what}={','.join(fields)}"


def _rows(text: str) -> Iterator[Row]:
    """nvidia-smi quotes nothing: what is too much in a line belongs to its last field."""
    lines = [line for line in text.splitlines() if ", " in line]
    heading = [name.split(" [")[0].strip() for name in lines[0].split(", ")] if lines else []
    for line in lines[1:]:
        values = line.split(", ", len(heading) - 1)
        yield {name: value.strip() for name, value in zip(heading, values, strict=False)}


def _gpu(row: Row) -> SmiGpu:
    ecc = row.get("ecc.mode.current", "")
    capability = re.fullmatch(r"(\d+)\.(\d+)", row.get("compute_cap", ""))
    return SmiGpu(
        index=int(row["index"]),
        uuid=row.get("uuid", ""),
        name=row.get("name", ""),
        driver=row.get("driver_version", ""),
        memory=_mebibytes(row.get("memory.total", "")),
        used=_mebibytes(row.get("memory.used", "")),
        capability=(int(capability[1]), int(capability[2])) if capability else (0, 0),
        slot=_slot(row.get("pci.bus_id", "")),
        mig=row.get("mig.mode.current") == "Enabled",
        persistence=row.get("persistence_mode") == "Enabled",
        ecc=ecc == "Enabled" if ecc in {"Enabled", "Disabled"} else None,
    )


def _mebibytes(text: str) -> int:
    """`143771 MiB`, or [N/A] and other words in brackets."""
    found = re.match(r"(\d+)", text)
    return int(found[1]) if found else 0


def _slot(bus_id: str) -> str:
    """nvidia-smi's 00000000:3B:00.0 as the kernel writes it."""
    domain, colon, rest = bus_id.lower().partition(":")
    return f"{domain[-4:] if domain.startswith('0000') else domain.lstrip('0')}:{rest}" if colon else ""
