"""Whether the NVIDIA driver is, or can become, the one that image and GPUs need."""

from collections.abc import Iterator

from installer.hardware.driver_decision import BlockNouveau, Keep, Reboot, Refuse
from installer.hardware.driver_options import branch_of
from installer.hardware.kernels import LAST_BRANCH_FOR_3_10, least_kernel, runs_on_kernel
from installer.hardware.releases import release
from installer.hardware.requirements import FORWARD
from installer.preflight.building import lacking_tools
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.gpu_driver import coming, decision, serving, verdict
from installer.preflight.situation import Situation, dotted

# PCI device IDs grow with the architectures: before Turing only proprietary modules drive a GPU, from Blackwell
# on only open ones do, which branch 570 has first.
_TURING, _BLACKWELL, _BLACKWELLS_BRANCH = 0x1E00, 0x2900, 570


def driver(at: Situation) -> Iterator[Finding]:
    match decision(at):
        case Refuse(reason, fix):
            yield problem("driver", reason, fix)
        case Reboot(reason):
            yield warning(
                "driver",
                f"{reason}: an install will stop there for a reboot (exit code 20)",
                "reboot this node before, or when the install asks for it",
            )
        case Keep(_, remark) if remark:
            yield warning("driver", remark, "none needed; the manifest may name this version, or leave `driver:` out")
        case None:
            yield from _own_driver(at)
        case _:
            pass


def _own_driver(at: Situation) -> Iterator[Finding]:
    loaded, on_disk = at.facts.driver.loaded, at.facts.driver.on_disk
    if loaded and on_disk and loaded != on_disk:
        yield problem(
            "driver",
            f"driver {loaded} is loaded and {on_disk} is on disk: programs fail (Driver/library version mismatch)",
            "reboot this node, then run the same command again",
        )
    elif not at.facts.gpus.smi:
        said = at.facts.gpus.smi_error or "it is not there"
        yield problem(
            "driver",
            f"the bundle has no driver, and this node's does not answer: nvidia-smi: {said}",
            "modprobe nvidia; dmesg | grep -i nvrm tells why; or build the bundle with `driver:`",
        )


def kernel(at: Situation) -> Iterator[Finding]:
    version, running = coming(at), at.facts.system.kernel
    asked = release(version)
    if asked and not runs_on_kernel(version, running):
        least = dotted(least_kernel(asked)[:2])
        yield problem(
            "kernel",
            f"driver {version} needs Linux {least} or newer, this node runs {running}",
            f"take a bundle with driver {LAST_BRANCH_FOR_3_10} and an image for CUDA 12.4, or boot a newer kernel",
        )


def image(at: Situation) -> Iterator[Finding]:
    """The image's NVIDIA_REQUIRE_*, which the container toolkit compares before it starts a container."""
    if not (version := serving(at)):
        return
    found = verdict(at, version)
    if not found.passes:
        yield problem(
            "image-driver",
            f"the image cannot run here: {found.reason}",
            "build the bundle with a newer driver, or with an image for an older CUDA",
        )
    elif found.kind == FORWARD:
        yield warning(
            "image-driver",
            f"the image runs here by forward compatibility only: {found.reason}",
            "; ".join(found.needs) or "none needed; a newer driver in the bundle makes it native",
        )


def nouveau(at: Situation) -> Iterator[Finding]:
    if isinstance(decision(at), BlockNouveau):
        yield warning(
            "nouveau",
            "nouveau drives the GPUs: an install blocks it, then needs a reboot (exit code 20) and goes on after that",
            "none needed; to be asked for no reboot later: blacklist nouveau in /etc/modprobe.d, rebuild the initramfs "
            "(dracut -f, or update-initramfs -u), reboot",
        )


def secure_boot(at: Situation) -> Iterator[Finding]:
    """Nobody answers the .run when it asks for a key, so it builds without: "Required key not available"."""
    if coming(at) and at.facts.system.secure_boot:
        yield problem(
            "secure-boot",
            f"Secure Boot is on: the kernel will not load the module of driver {coming(at)}, which is built unsigned",
            "switch Secure Boot off in the firmware; or install a signed driver and build the bundle without `driver:`",
        )


def build_tools(at: Situation) -> Iterator[Finding]:
    """What is missing to build the module, unless the bundle's packages bring it for this very kernel."""
    for missing in lacking_tools(at) if coming(at) else ():
        yield problem(
            "build-tools",
            f"{missing.what}, and driver {coming(at)} builds its module with it",
            f"install {missing.package} from this node's distribution, or add it to `packages:` of the manifest",
        )


def kind(at: Situation) -> Iterator[Finding]:
    """Open kernel modules or proprietary ones: which GPU needs which."""
    devices = [int(gpu.device, 16) for gpu in at.facts.gpus.pci]
    old, new = [d for d in devices if d < _TURING], [d for d in devices if d >= _BLACKWELL]
    version = coming(at)
    if old and new:
        yield problem(
            "driver-kind",
            f"no driver serves both 10de:{old[0]:04x} (before Turing) and 10de:{new[0]:04x} (Blackwell)",
            "take one of them out of this node",
        )
    elif version and new and branch_of(version) < _BLACKWELLS_BRANCH:
        yield problem(
            "driver-kind",
            f"driver {version} does not know 10de:{new[0]:04x}, a Blackwell GPU",
            f"build the bundle with a driver of branch {_BLACKWELLS_BRANCH} or newer",
        )
    elif not version and at.facts.driver.loaded and not at.facts.gpus.smi and (old or new):
        has = "open" if at.facts.driver.is_open else "proprietary"
        needed = "open" if new else "proprietary"
        if has != needed:
            yield problem(
                "driver-kind",
                f"driver {at.facts.driver.loaded} has {has} kernel modules, 10de:{(old or new)[0]:04x} needs "
                f"{needed} ones",
                f"install the driver with its {needed} modules, or build the bundle with `driver:`",
            )


def display_server(at: Situation) -> Iterator[Finding]:
    if coming(at) and at.facts.driver.display_server:
        yield problem(
            "display-server",
            "a display server runs, and NVIDIA's installer refuses to work beside one",
            "systemctl isolate multi-user.target; for good: systemctl set-default multi-user.target",
        )


def fabric_manager(at: Situation) -> Iterator[Finding]:
    """Without it, or with another version, CUDA says error 802, system not yet initialized."""
    found, needed = at.facts.driver.fabric_manager, serving(at)
    if not at.facts.gpus.nvswitches or not needed or _brings_fabric_manager(at):
        return
    if found != needed:
        yield problem(
            "fabric-manager",
            f"{at.facts.gpus.nvswitches} NVSwitches need the Fabric Manager of driver {needed}, this node has "
            f"{found or 'none'}",
            f"install nvidia-fabric-manager {needed} here, or add it to `packages:` of the manifest",
        )
    elif not at.facts.driver.fabric_manager_active:
        yield warning(
            "fabric-manager",
            "the Fabric Manager does not run, and without it no CUDA program starts (error 802)",
            "an install starts it; systemctl enable --now nvidia-fabricmanager does so now",
        )


def _brings_fabric_manager(at: Situation) -> bool:
    packages = at.index.packages.packages if at.index.packages else ()
    return any("fabric" in package.name for package in packages)
