"""The NVIDIA driver that is loaded and the one on disk, what is in its way, and what building one needs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from installer.facts.package_owner import Owner, owner_of
from installer.facts.seen import active_units, answer, is_file, names_in, said_by, text_of
from installer.sight import Sight

_OPEN: Final = "Dual MIT/GPL"  # license of NVIDIA's open kernel modules; that of the other ones is NVIDIA
_FABRIC_MANAGER: Final = "nvidia-fabricmanager.service"
_PERSISTENCED: Final = "nvidia-persistenced.service"
_DISPLAY_MANAGER: Final = "display-manager.service"
_SETTINGS: Final = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
_BLOCKED_IN_SETTINGS: Final = re.compile(
    r"^[ \t]*(blacklist[ \t]+nouveau|install[ \t]+nouveau[ \t]+\S*/(true|false)"
    r"|options[ \t]+nouveau[ \t](.*[ \t])?modeset=0)\b",
    re.MULTILINE,
)
_BLOCKED_AT_BOOT: Final = re.compile(
    r"(?:^|\s)(?:(?:rd\.driver\.blacklist|modprobe\.blacklist|module_blacklist)=(?:\S*,)?nouveau(?=[,\s]|$)"
    r"|nouveau\.(?:modeset=0|blacklist=(?:yes|1)))"
)


@dataclass(frozen=True)
class DriverFacts:
    """Versions are "" where there is none."""

    loaded: str  # of the kernel module in memory
    on_disk: str  # of the module that modprobe would load for the running kernel
    is_open: bool  # the loaded module, or else the one on disk, is of NVIDIA's open kernel modules
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
    libelf: bool = True  # its header: kernels before 5.19 build no module without
    gcc: int = 0  # major version of the compiler; 0 of another one, or where it does not tell
    kernels_gcc: int = 0  # of the one that built the running kernel
    owner_silence: str = ""  # why nobody can tell whether there is an owner, in the words of dpkg or rpm


@dataclass(frozen=True)
class Module:
    """A kernel module on disk."""

    path: str = ""
    version: str = ""
    licence: str = ""


def gather_driver(sight: Sight, kernel: str) -> DriverFacts:
    running = text_of(sight, "/proc/driver/nvidia/version")
    loaded = read_loaded(running) or text_of(sight, "/sys/module/nvidia/version").strip()
    on_disk = _module_on_disk(sight)
    owner = _owner(sight, on_disk)
    compiler = sight.finds("cc") or sight.finds("gcc") or ""
    units = active_units(sight, _FABRIC_MANAGER, _PERSISTENCED, _DISPLAY_MANAGER)
    return DriverFacts(
        loaded=loaded,
        on_disk=on_disk.version,
        is_open="Open Kernel Module" in running if running else on_disk.licence == _OPEN,
        owner=owner.package,
        nouveau_loaded="nouveau" in read_modules(text_of(sight, "/proc/modules")),
        nouveau_blocked=_is_nouveau_blocked(sight),
        headers=bool(kernel) and is_file(sight, f"/lib/modules/{kernel}/build/Makefile"),
        compiler=compiler,
        make=sight.finds("make") or "",
        linker=sight.finds("ld") or "",
        dkms=sight.finds("dkms") or "",
        fabric_manager=_fabric_manager(sight),
        fabric_manager_active=_FABRIC_MANAGER in units,
        persistenced_active=_PERSISTENCED in units or "socket" in names_in(sight, "/run/nvidia-persistenced"),
        display_server=_DISPLAY_MANAGER in units or any(_live_displays(sight)),
        libelf=is_file(sight, "/usr/include/libelf.h"),
        gcc=read_gcc(said_by(sight, compiler, "--version")) if compiler else 0,
        kernels_gcc=read_kernels_gcc(text_of(sight, "/proc/version")),
        owner_silence=owner.silence,
    )


def read_loaded(text: str) -> str:
    """Of /proc/driver/nvidia/version: `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.127.08  Tue ...`."""
    found = re.search(r"^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", text, re.MULTILINE)
    return found[1] if found else ""


def read_modinfo(text: str) -> Module:
    """Of `modinfo MODULE` (kmod and busybox): `filename:       /lib/modules/...`, `version:`, `license:`."""
    told = dict(re.findall(r"^(filename|version|license):\s+(.*\S)", text, re.MULTILINE))
    return Module(told.get("filename", ""), told.get("version", ""), told.get("license", ""))


def read_modules(text: str) -> frozenset[str]:
    """Of /proc/modules, those that are loaded: `nvidia 56823808 2 nvidia_uvm, Live 0x...`."""
    return frozenset(re.findall(r"^(\S+) \d+ (?:\d+|-) ", text, re.MULTILINE))


def read_fabric_manager(text: str) -> str:
    """Of `nv-fabricmanager --version`: `Fabric Manager version is : 550.127.08`."""
    found = re.search(r"version\D{0,40}(\d[\d.]*\d)", text)
    return found[1] if found else ""


def read_gcc(text: str) -> int:
    """Of `cc --version`: `cc (Debian 12.2.0-14) 12.2.0`, `gcc (GCC) 8.5.0 20210514 (Red Hat 8.5.0-20)`, `... 15`."""
    found = re.match(r"\S*cc\S* \([^)]*\) (\d+)\b", text)
    return int(found[1]) if found else 0


def read_kernels_gcc(text: str) -> int:
    """Of /proc/version: `... (x86_64-linux-gnu-gcc-12 (Ubuntu 12.3.0-1) 12.3.0, GNU ...`, `(gcc version 4.8 ...`."""
    found = re.search(r"gcc(?:-\d+)? (?:version |\([^)]*\) )(\d+)\b", text)
    return int(found[1]) if found else 0


def is_nouveau_blocked_in(settings: str) -> bool:
    """Of a file in modprobe.d (modprobe.d(5))."""
    return _BLOCKED_IN_SETTINGS.search(settings) is not None


def is_nouveau_blocked_at_boot(command_line: str) -> bool:
    """Of /proc/cmdline (modprobe(8), dracut.cmdline(7))."""
    return _BLOCKED_AT_BOOT.search(command_line) is not None


def read_lock(text: str) -> str:
    """The process of an X server, of /tmp/.X0-lock: its number, padded to ten characters."""
    return text.strip() if text.strip().isdecimal() else ""


def _module_on_disk(sight: Sight) -> Module:
    """Debian's packages name the file nvidia-current."""
    found = read_modinfo(said_by(sight, "modinfo", "nvidia"))
    return found if found.path else read_modinfo(said_by(sight, "modinfo", "nvidia-current"))


def _owner(sight: Sight, module: Module) -> Owner:
    """Of the module; one that was built here (DKMS) has none, but its programs do. Debian's are behind links."""
    program = sight.finds("nvidia-smi") or ""
    behind = said_by(sight, "readlink", "-f", program).strip() if program else ""
    places = dict.fromkeys(place for place in (module.path, program, behind) if place.startswith("/"))
    owners = (owner_of(sight, place) for place in places)
    return next((owner for owner in owners if owner.package or owner.silence), Owner(""))


def _is_nouveau_blocked(sight: Sight) -> bool:
    files = (f"{folder}/{name}" for folder in _SETTINGS for name in names_in(sight, folder) if name.endswith(".conf"))
    if is_nouveau_blocked_at_boot(text_of(sight, "/proc/cmdline")):
        return True
    return any(is_nouveau_blocked_in(text_of(sight, path)) for path in files)


def _fabric_manager(sight: Sight) -> str:
    program = sight.finds("nv-fabricmanager")
    return read_fabric_manager(answer(sight, program, "--version").stdout) if program else ""


def _live_displays(sight: Sight) -> Iterator[bool]:
    """A lock may outlive its server."""
    for name in names_in(sight, "/tmp"):  # noqa: S108  # where X servers have them
        if re.fullmatch(r"\.X\d+-lock", name):
            process = read_lock(text_of(sight, f"/tmp/{name}"))  # noqa: S108
            yield bool(process and names_in(sight, f"/proc/{process}"))
