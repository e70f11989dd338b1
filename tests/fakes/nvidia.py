"""NVIDIA's GPUs and driver, its .run installer and nvidia-smi, and the container toolkit's nvidia-ctk."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.sight import Output
from tests.fakes.changes import Changes

_LOG = "var/log/nvidia-installer.log"
_CONFIGURE = ("runtime", "configure", "--runtime=docker")
_MODULES = ("nvidia_uvm", "nvidia")  # in memory with the driver, in the order in which they can go
_MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\n"
_SILENT = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
_NOUVEAU = "ERROR: The Nouveau kernel driver is currently in use by your system."
_IN_USE = "ERROR: An NVIDIA kernel module 'nvidia-uvm' appears to be already loaded in your kernel."
_RUNNING_DRIVER = "--allow-installation-with-running-driver"
# Since which branch nvidia-installer knows an option.
_OPTIONS = {
    "--silent": 0,
    "--dkms": 0,
    "--no-opengl-files": 0,
    "--kernel-module-build-directory": 515,
    _RUNNING_DRIVER: 550,
    "--skip-module-load": 550,
    "--kernel-module-type": 555,
}
T4 = {"name": "Tesla T4", "memory.total": "15360 MiB", "compute_cap": "7.5", "ecc.mode.current": "Enabled"}


def driver_run(version: str) -> bytes:
    """A .run file as this machine's `sh` reads it."""
    return f"NVIDIA driver {version}\n".encode()


@dataclass
class FakeNvidia:
    """``module`` is the version in memory, ``on_disk`` that of the module that modprobe would load.

    ``fails_with`` is what the installer writes to its log before it gives up, ``module_stays`` that something in
    the kernel uses the module, ``held_by`` the processes that have a GPU open.
    """

    root: Path
    changes: Changes
    gpu_in_use: Callable[[], bool]
    gpus: int = 1
    card: Mapping[str, str] = field(default_factory=lambda: T4)
    fails_with: str = ""
    on_disk: str = ""
    module_stays: bool = False
    persistence: bool = False
    refuses_persistence: str = ""  # in whose words
    fabric: str = "N/A"  # state of the GPUs behind NVSwitches
    has_device_files: bool = True
    kernel: str = "running"
    next_kernel: str = "running"  # that a reboot brings
    nouveau_in_initramfs: set[str] = field(default_factory=lambda: {"running", "newer"})  # of these kernels
    held_by: set[int] = field(default_factory=set)
    takes: float = 0  # seconds of each nvidia-smi, while the GPUs wake up
    fell_off: str = ""  # what nvidia-smi says of a GPU that the bus lost
    asked: int = 0  # times that nvidia-smi was called
    options: tuple[str, ...] = ()  # of the installer's last run
    _module: str = ""
    _nouveau: bool = False

    @property
    def module(self) -> str:
        return self._module

    @module.setter
    def module(self, version: str) -> None:
        self._module = version
        self._show_modules()
        said = self.root / "proc/driver/nvidia/version"
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Oct  8\n" if version else "")

    @property
    def nouveau(self) -> bool:
        return self._nouveau

    @nouveau.setter
    def nouveau(self, loaded: bool) -> None:
        self._nouveau = loaded
        self._show_modules()

    def have(self, version: str) -> None:
        """A whole driver, as some installer left it."""
        self._place(version)
        self.module = version

    def hold(self, pid: int, name: str, cgroup: str = "0::/user.slice/user-0.slice/session-1.scope") -> None:
        """A process that computes on a GPU."""
        self.held_by.add(pid)
        self.watch(pid, name, cgroup)

    def watch(self, pid: int, name: str, cgroup: str) -> None:
        """A process that has a GPU open, of which nvidia-smi does not tell."""
        folder = self.root / f"proc/{pid}"
        (folder / "fd").mkdir(parents=True)
        (folder / "fd/3").symlink_to("/dev/nvidia0")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "cgroup").write_text(f"{cgroup}\n")

    def let_go(self, pid: int) -> None:
        self.held_by.discard(pid)
        (self.root / f"proc/{pid}/fd/3").unlink(missing_ok=True)

    def plug_in(self, count: int, device: str = "1EB8") -> None:
        """That many GPUs on the PCI bus."""
        self.gpus = count
        for number in range(count):
            uevent = self.root / f"sys/bus/pci/devices/0000:00:{number:02x}.0/uevent"
            uevent.parent.mkdir(parents=True, exist_ok=True)
            uevent.write_text(f"PCI_CLASS=30200\nPCI_ID=10DE:{device}\n")

    def pass_on(self, device: str) -> None:
        """One more, which a virtual machine has."""
        uevent = self.root / "sys/bus/pci/devices/0000:40:00.0/uevent"
        uevent.parent.mkdir(parents=True, exist_ok=True)
        uevent.write_text(f"DRIVER=vfio-pci\nPCI_CLASS=30200\nPCI_ID=10DE:{device}\n")

    def add_nvswitches(self, count: int) -> None:
        for number in range(count):
            uevent = self.root / f"sys/bus/pci/devices/0000:80:{number:02x}.0/uevent"
            uevent.parent.mkdir(parents=True, exist_ok=True)
            uevent.write_text("PCI_CLASS=68000\nPCI_ID=10DE:22A3\n")

    def smi(self, arguments: tuple[str, ...]) -> Output:
        self.asked += 1
        if not self._module and self.on_disk:
            self.module = self.on_disk  # nvidia-smi has it loaded
        if not self._module:
            return Output(9, _SILENT, "")
        if self._programs() != self._module:
            return Output(18, _MISMATCH, "")
        if self.fell_off:
            return Output(15, f"{self.fell_off}\n", "")
        if not self.gpus:
            return Output(6, "No devices were found\n", "")
        return self._answer(arguments)

    def _answer(self, arguments: tuple[str, ...]) -> Output:
        if arguments[:1] == ("-pm",):
            return self._set_persistence(*arguments[1:])
        if arguments[:2] == ("-q", "-x"):
            brand = f"<product_brand>{self.card['name'].split()[0]}</product_brand>\n"
            return Output(0, f"{brand}<fabric>\n\t<state>{self.fabric}</state>\n</fabric>\n", "")
        query, form = arguments
        assert form == "--format=csv", arguments
        what, _, fields = query.partition("=")
        tell = {"--query-gpu": self._tell_gpus, "--query-compute-apps": self._tell_processes}[what]
        return tell(fields.split(","))

    def _set_persistence(self, mode: str) -> Output:
        self.changes.about_to(f"nvidia-smi -pm {mode}")
        if self.refuses_persistence:
            return Output(15, f"{self.refuses_persistence}\n", "")
        self.persistence = mode == "1"
        return Output(0, "All done.\n", "")

    def _tell_gpus(self, fields: list[str]) -> Output:
        heading = [f"{name} [MiB]" if name.startswith("memory.") else name for name in fields]
        rows = [[self._value(number, name) for name in fields] for number in range(self.gpus)]
        return Output(0, "".join(f"{', '.join(row)}\n" for row in (heading, *rows)), "")

    def _tell_processes(self, fields: list[str]) -> Output:
        """They all compute on the first GPU."""
        heading = ["used_gpu_memory [MiB]" if name == "used_memory" else name for name in fields]
        rows = [[self._value_of(pid, name) for name in fields] for pid in sorted(self.held_by)]
        return Output(0, "".join(f"{', '.join(row)}\n" for row in (heading, *rows)), "")

    def _value_of(self, pid: int, name: str) -> str:
        comm = (self.root / f"proc/{pid}/comm").read_text().strip()
        return {"pid": str(pid), "gpu_uuid": "GPU-0", "used_memory": "1024 MiB", "process_name": comm}[name]

    def _value(self, number: int, name: str) -> str:
        told = {
            "index": str(number),
            "uuid": f"GPU-{number}",
            "driver_version": self._module,
            "memory.used": "0 MiB",
            "pci.bus_id": f"00000000:00:{number:02X}.0",
            "mig.mode.current": "[N/A]",
            "persistence_mode": "Enabled" if self.persistence else "Disabled",
        }
        return {**told, **self.card}[name]

    def modinfo(self, arguments: tuple[str, ...]) -> Output:
        (name,) = arguments
        if name != "nvidia" or not self.on_disk:
            return Output(1, "", f"modinfo: ERROR: Module {name} not found.\n")
        return Output(0, f"filename:       /lib/modules/video/nvidia.ko\nversion:        {self.on_disk}\n", "")

    def modprobe(self, arguments: tuple[str, ...]) -> Output:
        """`nvidia-modprobe -u -c=0` makes device files."""
        assert arguments == ("-u", "-c=0"), arguments
        self.has_device_files = True
        return Output(0, "", "")

    def rmmod(self, arguments: tuple[str, ...]) -> Output:
        (name,) = arguments
        self.changes.about_to(f"rmmod {name}")
        if self.module_stays or self._is_open():
            return Output(1, "", f"rmmod: ERROR: Module {name} is in use by: gdrdrv\n")
        if name == _MODULES[-1]:
            self.module = ""
        return Output(0, "", "")

    def rebuild_initramfs(self, arguments: tuple[str, ...]) -> Output:
        """`dracut` and `update-initramfs`: from then on the initramfs keeps to /etc/modprobe.d."""
        every = {("-f", "--regenerate-all"), ("-u", "-k", "all")}
        assert arguments in {("-f",), ("-u",), *every}, arguments
        self.changes.about_to(f"initramfs {' '.join(arguments)}")
        rebuilt = {"running", "newer"} if arguments in every else {self.kernel}
        if self._is_blocked():
            self.nouveau_in_initramfs -= rebuilt
        else:
            self.nouveau_in_initramfs |= rebuilt
        return Output(0, "", "")

    def install(self, arguments: tuple[str, ...]) -> Output:
        path, *options, tmpdir, folder = arguments
        words = Path(path).read_text().split()
        assert words[:2] == ["NVIDIA", "driver"], words
        assert (tmpdir, Path(folder).is_dir()) == ("--tmpdir", True), arguments
        branch = int(words[2].split(".")[0])
        for option in options:
            if branch < _OPTIONS.get(option.split("=")[0], 1 << 31):
                return Output(1, "", f'unrecognized option: "{option}"\n\nERROR: Invalid commandline\n')
        self.options = tuple(options)
        self.changes.about_to(f"driver {words[2]}")
        problem = self.fails_with or self._obstacle()
        (self.root / _LOG).write_text(f"nvidia-installer log\n{problem}\n")
        if problem:
            return Output(1, "", f"\n{problem}\n")
        self._place(words[2])
        if _RUNNING_DRIVER not in options:
            self.module = words[2]
        return Output(0, "", "")

    def reboot(self) -> None:
        for pid in tuple(self.held_by):
            self.let_go(pid)
        self.persistence = False
        self.kernel = self.next_kernel
        self.nouveau = self._nouveau and self.kernel in self.nouveau_in_initramfs
        self.module = "" if self._nouveau else self.on_disk

    def configure(self, arguments: tuple[str, ...]) -> Output:
        if arguments == ("--version",):
            version = (self.root / "usr/bin/nvidia-ctk").read_text()
            return Output(0, f"NVIDIA Container Toolkit CLI version {version}\ncommit: 0\n", "")
        assert arguments == _CONFIGURE, arguments
        self.changes.about_to("nvidia-ctk runtime configure")
        path = self.root / "etc/docker/daemon.json"
        settings = json.loads(path.read_bytes()) if path.exists() else {}
        runtime = {"args": [], "path": "nvidia-container-runtime"}
        settings["runtimes"] = {**settings.get("runtimes", {}), "nvidia": runtime}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=4) + "\n")
        return Output(0, "", "")

    def _obstacle(self) -> str:
        if self._nouveau:
            return _NOUVEAU
        if self._is_open():
            return _IN_USE
        stays = self._module and self.module_stays and _RUNNING_DRIVER not in self.options
        return _IN_USE if stays else ""

    def _is_open(self) -> bool:
        return bool(self.gpu_in_use() or self.held_by)

    def _is_blocked(self) -> bool:
        folder = self.root / "etc/modprobe.d"
        return any("blacklist nouveau" in path.read_text() for path in folder.glob("*.conf"))

    def _programs(self) -> str:
        return (self.root / "usr/bin/nvidia-smi").read_text()

    def _place(self, version: str) -> None:
        program = self.root / "usr/bin/nvidia-smi"
        program.write_text(version)
        program.chmod(0o755)
        self.on_disk = version

    def _show_modules(self) -> None:
        names = (*(_MODULES if self._module else ()), *(("nouveau",) if self._nouveau else ()))
        shown = self.root / "proc/modules"
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text("".join(f"{name} 4096 0 - Live 0x0000000000000000\n" for name in names))
