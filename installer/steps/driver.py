"""The NVIDIA driver, by its own .run installer."""

from dataclasses import dataclass, field

from installer.driver.holders import strangers
from installer.driver.look import LastLook
from installer.driver.modules import unload_modules
from installer.driver.nouveau import BLOCKED, block_nouveau
from installer.driver.services import SERVICES, stop_services
from installer.errors import EnvironmentProblemError, RebootNeededError, RefusedError, StepError
from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts
from installer.hardware.driver_decision import (
    BlockNouveau,
    Decision,
    Install,
    Keep,
    Late,
    Reboot,
    Refuse,
    Wanted,
    decide,
)
from installer.hardware.driver_log import errors_in, remedy_for
from installer.hardware.driver_options import installer_options, over_running
from installer.index.document import File
from installer.node import Node
from installer.node.paths import STATE
from installer.staging import Staging, open_staged
from installer.systemd import stop_cluster

INSTALLER_LOG = "/var/log/nvidia-installer.log"
_UNPACKING = f"{STATE}/driver-tmp"  # /tmp may be noexec or small
_SLOWEST = 3600  # seconds; modules are compiled, with DKMS twice
_AGAIN = "reboot this node, then run the same command again; --reboot does both by itself"


@dataclass(frozen=True)
class InstallDriver:
    """The node has the bundle's driver loaded and on disk, or a packaged one with which the image runs too.

    ``wanted`` is what preflight judged the node's driver by.
    """

    wanted: Wanted
    file: File
    staging: Staging
    replaces: tuple[str, ...] = (BLOCKED,)
    look: LastLook = field(default_factory=LastLook)

    @property
    def title(self) -> str:
        return f"NVIDIA driver {self.wanted.version}"

    def pending(self, node: Node) -> str | None:
        decision = self._decide(*self.look.of_same_driver(node))
        return None if isinstance(decision, Keep) else decision.reason

    def apply(self, node: Node) -> None:
        driver, gpus = self.look.anew(node)
        match self._decide(driver, gpus):
            case Refuse(reason, fix):
                raise RefusedError(reason, hint=fix)
            case Late(reason, fix):
                raise EnvironmentProblemError(reason, hint=fix)
            case Reboot(reason):
                raise RebootNeededError(reason, hint=_AGAIN)
            case BlockNouveau(reason):
                block_nouveau(node)
                raise RebootNeededError(f"{reason}; from the next boot on it does not", hint=_AGAIN)
            case Install():
                self._install(node, driver, gpus)
            case Keep():
                pass

    def _decide(self, driver: DriverFacts, gpus: GpuFacts) -> Decision:
        return decide(self.wanted, driver, gpus)

    def _install(self, node: Node, driver: DriverFacts, gpus: GpuFacts) -> None:
        _refuse_in_use(node, driver)
        stop_cluster(node)
        stop_services(node)
        desktop = node.finds("Xorg") is not None
        options = installer_options(self.wanted.version, gpus.drivable, dkms=bool(driver.dkms), desktop=desktop)
        self._run(node, *options, *self._free_modules(node))
        after = self._decide(*self.look.anew(node))
        if isinstance(after, Reboot):
            raise RebootNeededError(after.reason, hint=_AGAIN)

    def _free_modules(self, node: Node) -> tuple[str, ...]:
        """Options for a module that stays in memory, although nobody has a GPU open."""
        problem = unload_modules(node)
        if problem is None:
            return ()
        if options := over_running(self.wanted.version):
            return options
        raise EnvironmentProblemError(
            f"the loaded driver cannot be unloaded: {problem}",
            hint="lsmod | grep nvidia tells what uses it; without it at boot (systemctl set-default "
            "multi-user.target, blacklist nvidia in /etc/modprobe.d) the same command goes on after a reboot",
        )

    def _run(self, node: Node, *options: str) -> None:
        node.make_private_folder(_UNPACKING)
        with open_staged(node, self.staging, self.file):
            path = str(node.at(self.staging.place_of(self.file)))
            output = node.ask("sh", path, *options, "--tmpdir", str(node.at(_UNPACKING)), timeout=_SLOWEST)
        if not output.succeeded:
            raise _failure(node, output.stderr or output.stdout)


def _refuse_in_use(node: Node, driver: DriverFacts) -> None:
    """Before anything is stopped. What a person started is a person's to end."""
    if driver.display_server:
        raise EnvironmentProblemError(
            "a display server runs, and NVIDIA's installer refuses to work beside one",
            hint="systemctl isolate multi-user.target, then the same command again",
        )
    if found := strangers(node, SERVICES):
        raise EnvironmentProblemError(
            f"the GPUs are in use, the driver cannot be replaced: {', '.join(map(str, found))}",
            hint="stop them (docker stop, systemctl stop, kill), then the same command again",
        )


def _failure(node: Node, said: str) -> StepError:
    log = (node.read(INSTALLER_LOG) or b"").decode(errors="replace")
    errors = errors_in(said) or errors_in(log)
    remedy = remedy_for(said) or remedy_for(log) or f"read {INSTALLER_LOG}"
    return StepError(f"the driver's installer failed: {' '.join(errors[-3:]) or said.strip()[-300:]}", hint=remedy)
