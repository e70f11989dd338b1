"""What to do about a node's NVIDIA driver: keep it, install the bundle's, block nouveau, reboot, refuse, or wait."""

from collections.abc import Callable
from dataclasses import dataclass

from installer.facts.distribution import Family
from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts
from installer.hardware.gpus import is_virtual

# nvidia-smi's words
_NO_GPU = "No devices were found"
_OTHER_PROGRAMS = ("Driver/library version mismatch", "libnvidia-ml.so")  # than the module's: a .run brings its own


@dataclass(frozen=True)
class Keep:
    """The node's driver will do. ``warning`` is what a person should know of it, or empty."""

    version: str
    warning: str = ""


@dataclass(frozen=True)
class Install:
    """The bundle's driver takes the place of what is there."""

    reason: str


@dataclass(frozen=True)
class BlockNouveau:
    """Only after a reboot without nouveau can the bundle's driver be installed."""

    reason: str


@dataclass(frozen=True)
class Reboot:
    """The right driver is on disk, and memory holds another one."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """Nothing that an install may do on its own would help."""

    reason: str
    fix: str


@dataclass(frozen=True)
class Late:
    """nvidia-smi did not answer in time, so that nothing is known of the driver: it may be in perfect order."""

    reason: str
    fix: str


Decision = Keep | Install | BlockNouveau | Reboot | Refuse | Late


@dataclass(frozen=True)
class Wanted:
    """The bundle's driver, and which other versions the image would run with on this node's GPUs too."""

    version: str
    family: Family  # by which a packaged driver would be removed
    suffices: Callable[[str], bool]


def decide(wanted: Wanted, driver: DriverFacts, gpus: GpuFacts) -> Decision:
    """A driver that a .run put there is the bundle's to replace, an older or newer one alike: the bundle pins it.

    One of the distribution's packages never is: the .run would overlay files that the package still owns, and
    the next update of the distribution would tear both. Nor is that of a vGPU, which only its own one drives.
    """
    if gpus.late:
        return late(driver, gpus)
    if any(is_virtual(gpu.name, gpus.brand) for gpu in gpus.smi):
        return _virtual(wanted, gpus)
    if driver.owner:
        return _packaged(wanted, driver, gpus)
    decision = _unpackaged(wanted, driver, gpus)
    if driver.owner_silence and isinstance(decision, Install | BlockNouveau):
        return Refuse(
            f"whether a package owns this node's driver cannot be told: {driver.owner_silence}",
            wanted.family.owner_question,
        )
    return decision


def late(driver: DriverFacts, gpus: GpuFacts) -> Late:
    """In words for who waited for nothing."""
    version = driver.loaded or driver.on_disk
    named = f"driver {version}" if version else "the driver"
    return Late(
        f"nvidia-smi: {gpus.smi_error}: {named} may be in order, nobody knows",
        "wait a minute, then the same command again: without persistence each call wakes all GPUs, of which many take "
        "long; nvidia-smi -pm 1 keeps them awake (it may take minutes too). If that hangs as well, a GPU may be lost: "
        "dmesg | grep -e NVRM -e Xid tells which; power the node off and on",
    )


def _unpackaged(wanted: Wanted, driver: DriverFacts, gpus: GpuFacts) -> Decision:
    loaded = _loaded(driver, gpus)
    if _answering(gpus) == {wanted.version} and driver.on_disk in {"", wanted.version}:
        return Keep(wanted.version)
    if driver.on_disk == wanted.version and loaded not in {"", wanted.version}:
        return Reboot(f"driver {wanted.version} is installed, but the kernel has {loaded} loaded")
    if loaded == wanted.version and _NO_GPU in gpus.smi_error:
        return Refuse(
            f"driver {loaded} is loaded, but drives no GPU: {_NO_GPU}",
            "dmesg | grep NVRM says why: a GPU that this branch does not know, or one that fell off the bus",
        )
    if loaded == wanted.version and driver.on_disk in {"", wanted.version} and _is_dead(gpus):
        return Refuse(
            f"driver {loaded} is loaded as it should be, but nvidia-smi says: {gpus.smi_error}",
            "dmesg | grep -e NVRM -e Xid tells which GPU and why; one that fell off the bus (Xid 79) comes back when "
            "the node is powered off and on, or it is broken. To install the driver again would not help",
        )
    if not loaded and (driver.nouveau_loaded or any(gpu.module == "nouveau" for gpu in gpus.pci)):
        return BlockNouveau("nouveau drives the GPUs")
    return Install(_reason(wanted.version, driver, gpus, loaded))


def _is_dead(gpus: GpuFacts) -> bool:
    """Where nvidia-smi is missing or of another version than the module, it says nothing of the GPUs."""
    return gpus.smi_error != "" and not any(words in gpus.smi_error for words in _OTHER_PROGRAMS)


def _virtual(wanted: Wanted, gpus: GpuFacts) -> Decision:
    name, has = gpus.smi[0].name, gpus.smi[0].driver
    if has == wanted.version:
        return Keep(has)
    if wanted.suffices(has):
        return Keep(has, f"driver {has} of {name}, a share of a GPU, is kept, not {wanted.version} of the bundle")
    return Refuse(
        f"{name} is a share of a GPU (vGPU), which only a driver from its hypervisor's maker drives, as {has} is; the "
        f"bundle brings {wanted.version}",
        f"build the bundle without `driver:`, with an image that runs with driver {has}",
    )


def _packaged(wanted: Wanted, driver: DriverFacts, gpus: GpuFacts) -> Decision:
    loaded = _loaded(driver, gpus)
    has = driver.on_disk or loaded
    will_do = has == wanted.version or (has != "" and wanted.suffices(has))
    if will_do and loaded not in {"", has}:
        return Reboot(f"driver {has} of package {driver.owner} is on disk, but the kernel has {loaded} loaded")
    if will_do and _answering(gpus) == {has}:
        return Keep(has, "" if has == wanted.version else _other_version(wanted, driver, has))
    if will_do:
        return Refuse(
            f"driver {has} of package {driver.owner} is installed, but nvidia-smi says: {gpus.smi_error}",
            f"modprobe nvidia; dmesg | grep -e NVRM -e nouveau. Or give it up: {_removal(wanted, driver)}",
        )
    return Refuse(
        f"driver {has or 'of an unknown version'} is of package {driver.owner}, the bundle brings {wanted.version}",
        f"{_removal(wanted, driver)}, then the same command again",
    )


def _other_version(wanted: Wanted, driver: DriverFacts, has: str) -> str:
    return f"driver {has} of package {driver.owner} is kept, not {wanted.version} of the bundle: the image runs with it"


def _removal(wanted: Wanted, driver: DriverFacts) -> str:
    return wanted.family.purge.format(package=driver.owner)


def _answering(gpus: GpuFacts) -> set[str]:
    return {gpu.driver for gpu in gpus.smi}


def _loaded(driver: DriverFacts, gpus: GpuFacts) -> str:
    """As the kernel says it, or where it says nothing (in a container) nvidia-smi."""
    return driver.loaded or min(_answering(gpus), default="")


def _reason(wanted: str, driver: DriverFacts, gpus: GpuFacts, loaded: str) -> str:
    if loaded == wanted and driver.on_disk not in {"", wanted}:
        return f"driver {loaded} is loaded, but {driver.on_disk} is on disk"
    if wanted in {loaded, driver.on_disk}:
        return f"driver {wanted} is there in part: nvidia-smi {_silence(gpus)}"
    if found := _answering(gpus) or {loaded or driver.on_disk} - {""}:
        return f"found {', '.join(sorted(found))}"
    return "found no GPU" if _NO_GPU in gpus.smi_error else "nvidia-smi does not answer"


def _silence(gpus: GpuFacts) -> str:
    return f"says: {gpus.smi_error}" if gpus.smi_error else "is missing, or tells another version"
