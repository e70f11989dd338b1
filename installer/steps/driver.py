"""The NVIDIA driver, by its own .run installer."""

from dataclasses import dataclass

from installer.errors import RebootNeededError, StepError
from installer.index.components import Driver
from installer.index.document import File
from installer.node import Node
from installer.node.paths import STATE
from installer.staging import Staging, open_staged
from installer.systemd import stop_cluster

DRIVER_QUERY = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
INSTALLER_LOG = "/var/log/nvidia-installer.log"
_OTHER_MODULE = "Driver/library version mismatch"  # nvidia-smi's words
_UNPACKING = f"{STATE}/driver-tmp"  # /tmp may be noexec or small
# What the installer's log says, and what a person can do about it (field experience, nvidia-installer 535-580).
_CAUSES = {
    "Nouveau kernel driver is currently in use": "nouveau is loaded: rebuild the initramfs "
    "(dracut -f, or update-initramfs -u), reboot, then run the same command again",
    "Unable to find the kernel source tree": "install kernel-devel for exactly the running kernel (uname -r)",
    "unable to find the development tool": "install gcc and make",
    "Required key not available": "Secure Boot refuses the unsigned module: switch it off, or enrol a key",
    "appears to be already loaded": "something uses the GPU: stop it, or reboot",
}


@dataclass(frozen=True)
class InstallDriver:
    """nvidia-smi answers with the bundle's driver version."""

    driver: Driver
    file: File
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"NVIDIA driver {self.driver.version}"

    def pending(self, node: Node) -> str | None:
        output = node.ask(*DRIVER_QUERY)
        if not output.succeeded:
            return "nvidia-smi does not answer"
        found = set(output.stdout.split())
        return None if found == {self.driver.version} else f"found {', '.join(sorted(found)) or 'no GPU'}"

    def apply(self, node: Node) -> None:
        node.make_private_folder(_UNPACKING)
        stop_cluster(node)  # the installer cannot unload a module that a container uses
        with open_staged(node, self.staging, self.file):
            path = str(node.at(self.staging.place_of(self.file)))
            output = node.ask("sh", path, "--silent", "--tmpdir", str(node.at(_UNPACKING)), timeout=3600)
        if not output.succeeded:
            raise _failure(node, output.stderr or output.stdout)
        if _OTHER_MODULE in node.ask(*DRIVER_QUERY).stdout:
            raise RebootNeededError(
                f"driver {self.driver.version} is installed, but the kernel has another one loaded",
                hint="reboot this node, then run the same command again",
            )


def _failure(node: Node, said: str) -> StepError:
    log = (node.read(INSTALLER_LOG) or b"").decode(errors="replace")
    errors = [line.strip() for line in (log + said).splitlines() if "ERROR" in line]
    cause = next((remedy for text, remedy in _CAUSES.items() if text in log + said), f"read {INSTALLER_LOG}")
    return StepError(f"the driver's installer failed: {' '.join(errors[-3:]) or said.strip()[-300:]}", hint=cause)
