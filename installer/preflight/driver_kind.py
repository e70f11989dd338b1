"""Whether the driver's branch and its kind of kernel modules, open or proprietary, go with this node's GPUs."""

from collections.abc import Iterator

from installer.hardware.architectures import BLACKWELL, BLACKWELLS_BRANCH, TURING, last_branch
from installer.hardware.driver_options import branch_of
from installer.preflight.finding import Finding, problem
from installer.preflight.gpu_driver import coming
from installer.preflight.situation import Situation


def kind(at: Situation) -> Iterator[Finding]:
    """Of the newest GPUs, as many as the cluster counts on: an old card for a display may go without a driver."""
    devices = sorted((int(gpu.device, 16) for gpu in at.facts.gpus.drivable), reverse=True)
    devices = devices[: max(1, at.index.cluster.gpus_per_node)]
    old, new = [d for d in devices if d < TURING], [d for d in devices if d >= BLACKWELL]
    if old and new:
        yield problem(
            "driver-kind",
            f"no driver serves both 10de:{old[0]:04x} (before Turing) and 10de:{new[0]:04x} (Blackwell)",
            "take one of them out of this node",
        )
    elif version := coming(at):
        yield from _branch(version, devices)
    elif at.facts.driver.loaded and not (at.facts.gpus.smi or at.facts.gpus.late) and (old or new):
        yield from _modules(at, (old or new)[0])


def _branch(version: str, devices: list[int]) -> Iterator[Finding]:
    branch = branch_of(version)
    for device in devices:
        last = last_branch(device)
        if device >= BLACKWELL and branch < BLACKWELLS_BRANCH:
            yield problem(
                "driver-kind",
                f"driver {version} does not know 10de:{device:04x}, a Blackwell GPU",
                f"build the bundle with a driver of branch {BLACKWELLS_BRANCH} or newer",
            )
            return
        if last is not None and branch > last:
            yield problem(
                "driver-kind",
                f"driver {version} no longer drives 10de:{device:04x}: branch {last} is the last that does",
                f"build the bundle with a driver of branch {last} or older",
            )
            return


def _modules(at: Situation, device: int) -> Iterator[Finding]:
    """The node's own driver is loaded, and finds no GPU."""
    has = "open" if at.facts.driver.is_open else "proprietary"
    needed = "open" if device >= BLACKWELL else "proprietary"
    if has != needed:
        yield problem(
            "driver-kind",
            f"driver {at.facts.driver.loaded} has {has} kernel modules, 10de:{device:04x} needs {needed} ones",
            f"install the driver with its {needed} modules, or build the bundle with `driver:`",
        )
