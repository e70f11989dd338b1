"""Which options of NVIDIA's .run a branch of the driver knows (an unknown one ends it) and a node needs."""

from collections.abc import Iterable

from installer.facts.gpus import PciGpu
from installer.hardware.architectures import BLACKWELL, TURING

# From option_table.h of each branch of nvidia-installer.
_OPEN_MODULES, _TYPE_OPTION, _OVER_RUNNING = 515, 555, 550


def branch_of(version: str) -> int:
    """550 of 550.127.08; 0 of what is no version of a driver."""
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else 0


def installer_options(version: str, gpus: Iterable[PciGpu], *, dkms: bool, desktop: bool) -> tuple[str, ...]:
    """``dkms``: the node has it, so that the module follows the next kernels. ``desktop``: it has an X server.

    Without one nobody misses OpenGL, whose files would take the place of the distribution's.
    """
    return (
        "--silent",
        *(("--dkms",) if dkms else ()),
        *(() if desktop else ("--no-opengl-files",)),
        *_module_type(branch_of(version), gpus),
    )


def over_running(version: str) -> tuple[str, ...]:
    """What installs beside a module that cannot be unloaded, for after a reboot; empty where the branch cannot."""
    options = ("--allow-installation-with-running-driver", "--skip-module-load")
    return options if branch_of(version) >= _OVER_RUNNING else ()


def _module_type(branch: int, gpus: Iterable[PciGpu]) -> tuple[str, ...]:
    """Empty leaves the choice to the .run, as do GPUs that have no kind in common."""
    devices = [int(gpu.device, 16) for gpu in gpus]
    if devices and min(devices) >= BLACKWELL:
        return _open_modules(branch)
    if devices and max(devices) < TURING and branch >= _TYPE_OPTION:
        return ("--kernel-module-type=proprietary",)  # before that option it was the only default
    return ()


def _open_modules(branch: int) -> tuple[str, ...]:
    if branch >= _TYPE_OPTION:
        return ("--kernel-module-type=open",)
    return ("--kernel-module-build-directory=kernel-open",) if branch >= _OPEN_MODULES else ()
