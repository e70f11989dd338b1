"""The NVIDIA driver that is loaded and the one on disk, what is in its way, and what building one needs."""

from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class DriverFacts:
    """Versions are "" where there is none."""

    loaded: str  # of the kernel module in memory
    on_disk: str  # of the module that modprobe would load for the running kernel
    is_open: bool  # the loaded module, or else the one on disk, is of NVIDIA's open kernel modules
    module_users: int  # references to the module nvidia, of processes and other modules
    owner: str  # the package that the module or nvidia-smi belongs to, "" for a .run or none
    nouveau_loaded: bool
    nouveau_blocked: bool  # by modprobe.d or the kernel's command line
    headers: bool  # of the running kernel: /lib/modules/RELEASE/build/Makefile
    compiler: str  # path of cc or gcc
    make: str
    linker: str  # path of ld
    dkms: str
    fabric_manager: str  # version of the installed one
    fabric_manager_active: bool
    persistenced_active: bool
    display_server: bool  # an X or Wayland server runs, which holds the GPU


def gather_driver(sight: Sight, kernel: str) -> DriverFacts:
    raise NotImplementedError
