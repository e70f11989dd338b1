"""What to do about a node's NVIDIA driver: keep it, install the bundle's, block nouveau, reboot, or refuse."""

from collections.abc import Callable
from dataclasses import dataclass

from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts

_NO_GPU = "No devices were found"  # nvidia-smi's words
_REMOVAL = {"rpm": "yum remove {owner}", "deb": "apt-get purge {owner} && apt-get autoremove --purge"}


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


Decision = Keep | Install | BlockNouveau | Reboot | Refuse


@dataclass(frozen=True)
class Wanted:
    """The bundle's driver, and which other versions the image would run with too."""

    version: str
    package_format: str  # rpm or deb: how a packaged driver would be removed
    suffices: Callable[[str], bool]


def no_other(_version: str) -> bool:
    """Where nothing is known of the image, the bundle's version is the only one that will do."""
    return False


def decide(wanted: Wanted, driver: DriverFacts, gpus: GpuFacts) -> Decision:
    """A driver that a .run put there is the bundle's to replace, an older or newer one alike: the bundle pins it.

    One of the distribution's packages never is: the .run would overlay files that the package still owns, and
    the next update of the distribution would tear both.
    """
    if driver.owner:
        return _packaged(wanted, driver, gpus)
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
    if not loaded and (driver.nouveau_loaded or any(gpu.module == "nouveau" for gpu in gpus.pci)):
        return BlockNouveau("nouveau drives the GPUs")
    return Install(_reason(wanted.version, driver, gpus, loaded))


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
    return _REMOVAL[wanted.package_format].format(owner=driver.owner)


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
