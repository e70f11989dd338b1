"""Whether the NVIDIA driver is, or can become, the one that image and GPUs need."""

from collections.abc import Iterator

from installer.hardware.driver_decision import BlockNouveau, Keep, Late, Reboot, Refuse, late
from installer.hardware.kernels import LAST_BRANCH_FOR_3_10, least_kernel, runs_on_kernel
from installer.hardware.releases import dotted, release
from installer.hardware.requirements import FORWARD
from installer.preflight.brought import DRIVER, brings
from installer.preflight.building import doubtful_tools, lacking_tools
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.gpu_driver import coming, decision, serving, verdict
from installer.preflight.situation import Situation

# That keep nouveau out of the next boot, and the packages that they are in.
_REBUILDERS, _THEIR_PACKAGES = ("dracut", "update-initramfs"), r"dracut|initramfs-tools"


def driver(at: Situation) -> Iterator[Finding]:
    """What is a problem here, the driver's step refuses."""
    match decision(at):
        case Refuse(reason, fix) | Late(reason, fix):
            yield problem("driver", reason, fix)
        case Reboot(reason):
            yield warning(
                "driver",
                f"{reason}: an install will stop there for a reboot (exit code 20)",
                "reboot this node before, or when the install asks for it",
            )
        case Keep(_, remark) if remark:
            yield warning("driver", remark, "none needed; the manifest may name this version, or leave `driver:` out")
        case BlockNouveau(reason) if not _rebuilds_initramfs(at):
            yield problem(
                "driver",
                f"{reason}, and neither {' nor '.join(_REBUILDERS)} is there to keep it out of the next boot",
                f"{_unblocked(at)}rebuild the initramfs, reboot, then the same command again",
            )
        case _:
            pass


def _rebuilds_initramfs(at: Situation) -> bool:
    return any(name in at.facts.system.programs for name in _REBUILDERS) or brings(at, _THEIR_PACKAGES)


def own_driver(at: Situation) -> Iterator[Finding]:
    """Of the node, which is to serve where the bundle has none."""
    if at.index.driver:
        return
    loaded, on_disk = at.facts.driver.loaded, at.facts.driver.on_disk
    if loaded and on_disk and loaded != on_disk:
        yield problem(
            "own-driver",
            f"driver {loaded} is loaded and {on_disk} is on disk: programs fail (Driver/library version mismatch)",
            "reboot this node, then run the same command again",
        )
    elif at.facts.gpus.late:
        silent = late(at.facts.driver, at.facts.gpus)
        yield problem("own-driver", silent.reason, silent.fix)
    elif not at.facts.gpus.smi and not loaded and brings(at, DRIVER):
        yield warning(
            "own-driver",
            "the driver comes with the bundle's packages: whether its module is one for this kernel, and loads, only "
            "the install shows",
            "after the install: nvidia-smi; where it does not answer: reboot, then vllm-airgap install",
        )
    elif not at.facts.gpus.smi and not at.facts.gpus.smi_error:
        yield problem(
            "own-driver",
            "the bundle has no driver, and nvidia-smi is not on this node, so that nothing tells of one that works",
            "build the bundle with `driver:`; or install the driver with its nvidia-smi from this node's distribution",
        )
    elif not at.facts.gpus.smi:
        yield problem(
            "own-driver",
            f"the bundle has no driver, and this node's does not answer: nvidia-smi: {at.facts.gpus.smi_error}",
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
    elif found.lack:
        yield problem(
            "image-driver",
            f"the image does not run here as things are: {found.reason}, and nothing has it used",
            f"{found.lack}; or build the bundle with a newer driver, or with an image for an older CUDA",
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
            f"none needed; to be asked for no reboot later: {_unblocked(at)}rebuild the initramfs (dracut -f "
            "--regenerate-all, or update-initramfs -u -k all), reboot",
        )


def _unblocked(at: Situation) -> str:
    """Where it is blocked and drives the GPUs all the same, it came with the initramfs, or before the block."""
    return "" if at.facts.driver.nouveau_blocked else "blacklist nouveau in /etc/modprobe.d, "


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
    for missing in doubtful_tools(at) if coming(at) else ():
        yield warning(
            "build-tools",
            f"{missing.what}: building the module of driver {coming(at)} may fail",
            f"install {missing.package} from this node's distribution, or add it to `packages:` of the manifest",
        )


def display_server(at: Situation) -> Iterator[Finding]:
    if coming(at) and at.facts.driver.display_server:
        yield problem(
            "display-server",
            "a display server runs, and NVIDIA's installer refuses to work beside one",
            "systemctl isolate multi-user.target; for good: systemctl set-default multi-user.target",
        )
